// N train pictures, M test pictures, D features, C classes
import { CallError, SelfsightError } from "../../errors.ts";
import { averagePrecision } from "./average-precision.ts";
import { decisionValues, linearSvm } from "./dual-coordinate-descent.ts";

/** Rows with the classes that each shows. */
export interface MultiLabelFeatures {
  values: Float32Array; // [N, D]
  length: number;
  dimensions: number;
  /** 1: shown; 0: not shown; -1: difficult. */
  labels: Int8Array; // [N, C]
  names: readonly string[]; // [C]
  dataset: string;
}

/** What C is tried (VISSL's list for VOC07). */
export const svmCosts = [0.01, 0.1, 1, 2, 5, 10, 15, 20, 50, 100, 1000] as const;

export interface SvmOptions {
  costs?: readonly number[];
  tolerance?: number;
  /** Of the order of the rows in each solution. Default 0. */
  seed?: number;
  /** Told of each class when it is done. */
  onClass?: (done: number, total: number) => void;
}

export interface ClassPrecision {
  name: string;
  /** Null where the class has no positive picture to learn from or to be asked for. */
  averagePrecision: number | null;
  /** The cost that cross-validation chose. */
  cost: number | null;
  trainPositives: number;
  testPositives: number;
}

export interface SvmResult {
  protocol: string;
  /** Mean of the classes' average precisions. */
  value: number;
  perClass: ClassPrecision[];
  count: number;
  notes: string[];
}

const folds = 3;
const weights = { positive: 2, negative: 1 };

/**
 * The protocol voc07-svm-v1 (arXiv 2103.03230, section 3.3, by VISSL): one squared-hinge SVM for each class against the rest on rows
 * x / (‖x‖ + 1e-5), positives weighing twice, the cost of each class chosen by the mean average precision of 3 stratified folds of the
 * train split; measured by average precision on the test split. In training all that is not 1 is negative; in the test pictures that
 * are difficult for a class are passed over for it.
 *
 * @throws SelfsightError "data" where no class has positives in both splits.
 */
export function oneAgainstRest(
  train: MultiLabelFeatures,
  test: MultiLabelFeatures,
  options: SvmOptions = {},
): SvmResult {
  if (train.dimensions !== test.dimensions)
    throw new CallError(
      `svm: train rows of ${train.dimensions} features, test rows of ${test.dimensions}; one network is needed`,
    );
  const [bank, queries] = [withUnitRows(train), withUnitRows(test)];
  const names = [...new Set([...train.names, ...test.names])];
  const perClass = names.map((name, place) => {
    const found = classPrecision(bank, queries, name, options);
    options.onClass?.(place + 1, names.length);
    return found;
  });
  const measured = perClass.flatMap(({ averagePrecision: own }) => (own === null ? [] : [own]));
  if (measured.length === 0) throw nothingMeasured(train, test);
  return {
    protocol: `voc07-svm-v1${options.seed ? ` seed ${options.seed}` : ""}`,
    value: measured.reduce((sum, own) => sum + own, 0) / measured.length,
    perClass,
    count: test.length,
    notes: notesOn(perClass),
  };
}

const withUnitRows = (features: MultiLabelFeatures): MultiLabelFeatures => ({
  ...features,
  values: unitRows(features.values, features.dimensions),
});

/** x / (‖x‖ + 1e-5) */
export function unitRows(values: Float32Array, dimensions: number): Float32Array {
  const scaled = new Float32Array(values.length); // [N, D]
  for (let start = 0; start < values.length; start += dimensions) {
    let square = 0;
    for (let i = 0; i < dimensions; i++) square += values[start + i]! ** 2;
    const length = Math.sqrt(square) + 1e-5;
    for (let i = 0; i < dimensions; i++) scaled[start + i] = values[start + i]! / length;
  }
  return scaled;
}

/** A class's labels of all rows; nothing is shown of a class that the set does not know. */
function columnOf({ labels, names, length }: MultiLabelFeatures, name: string): Int8Array {
  const column = names.indexOf(name);
  return Int8Array.from({ length }, (_, row) => (column < 0 ? 0 : labels[row * names.length + column]!));
}

const positivesIn = (labels: Int8Array): number => labels.reduce((sum, label) => sum + Number(label === 1), 0);

function classPrecision(
  train: MultiLabelFeatures,
  test: MultiLabelFeatures,
  name: string,
  { costs = svmCosts, ...how }: SvmOptions,
): ClassPrecision {
  const signs = columnOf(train, name).map((label) => (label === 1 ? 1 : -1)); // [N]
  const asked = columnOf(test, name); // [M]
  const found = { name, trainPositives: positivesIn(signs), testPositives: positivesIn(asked) };
  if (found.trainPositives === 0 || found.testPositives === 0) return { ...found, averagePrecision: null, cost: null };
  const cost = chosenCost(train, signs, costs, how);
  const { weights: plane } = linearSvm({ ...train, rows: train.values, signs, cost, weights, ...given(how) });
  const scores = decisionValues(test.values, plane); // [M]
  const kept = [...asked.keys()].filter((row) => asked[row] !== -1);
  const ranked = Float64Array.from(kept, (row) => scores[row]!);
  const isPositive = Uint8Array.from(kept, (row) => Number(asked[row] === 1));
  return { ...found, averagePrecision: averagePrecision(ranked, isPositive), cost };
}

const given = ({ tolerance, seed }: Pick<SvmOptions, "tolerance" | "seed">) => ({
  ...(tolerance !== undefined && { tolerance }),
  ...(seed !== undefined && { seed }),
});

/** The first of the costs whose mean average precision over the folds is greatest; 1 where no fold has a positive picture. */
export function chosenCost(
  { values, dimensions }: Pick<MultiLabelFeatures, "values" | "dimensions">,
  signs: Int8Array,
  costs: readonly number[],
  how: Pick<SvmOptions, "tolerance" | "seed"> = {},
): number {
  const each = stratifiedFolds(signs, folds).map((held) =>
    foldPrecisions(divided(values, dimensions, signs, held), { dimensions, costs, ...how }),
  );
  const scored = costs.map((cost, place) => {
    const finite = each.flatMap((own) => (Number.isFinite(own[place]) ? [own[place]!] : []));
    return { cost, mean: finite.reduce((sum, value) => sum + value, 0) / finite.length };
  });
  const sound = scored.filter(({ mean }) => Number.isFinite(mean));
  return sound.reduce((best, next) => (next.mean > best.mean ? next : best), sound[0] ?? { cost: 1, mean: 0 }).cost;
}

type Solving = Pick<SvmOptions, "tolerance" | "seed"> & { dimensions: number; costs: readonly number[] };

/** Average precision of the held rows at each cost; each solution begins at the one before. NaN where nothing is positive. */
function foldPrecisions({ kept, asked }: ReturnType<typeof divided>, { costs, ...how }: Solving): number[] {
  if (positivesIn(kept.signs) === 0) return costs.map(() => Number.NaN);
  let start: Float64Array | undefined;
  return costs.map((cost) => {
    const solution = linearSvm({ ...kept, ...how, cost, weights, ...(start && { start }) });
    start = solution.alphas;
    return averagePrecision(decisionValues(asked.rows, solution.weights), asked.isPositive, { interpolated: false });
  });
}

function divided(values: Float32Array, dimensions: number, signs: Int8Array, isHeld: Uint8Array) {
  const rowsOf = (places: number[]) => {
    const rows = new Float32Array(places.length * dimensions);
    places.forEach((place, row) => {
      rows.set(values.subarray(place * dimensions, (place + 1) * dimensions), row * dimensions);
    });
    return rows;
  };
  const places = [...signs.keys()];
  const [kept, held] = [places.filter((place) => !isHeld[place]), places.filter((place) => isHeld[place])];
  return {
    kept: { rows: rowsOf(kept), signs: Int8Array.from(kept, (place) => signs[place]!) },
    asked: { rows: rowsOf(held), isPositive: Uint8Array.from(held, (place) => Number(signs[place] === 1)) },
  };
}

/**
 * Which rows are held in each fold, 1 or 0, [folds] of [N]: of each sign in order, sizes as equal as can be (scikit-learn's StratifiedKFold
 * without shuffling: fold i takes as many of a sign as stand at the places i, i + folds, ... of the sorted signs).
 */
export function stratifiedFolds(signs: Int8Array, count: number): Uint8Array[] {
  const first = signs[0]!; // signs are numbered in the order in which they come
  const ordered = [...signs].sort((a, b) => Number(a !== first) - Number(b !== first));
  const sizes = Array.from({ length: count }, (_, fold) => ordered.filter((_, place) => place % count === fold));
  const foldOf = (sign: number) => sizes.flatMap((own, fold) => own.filter((each) => each === sign).map(() => fold));
  const queues = new Map([...new Set(signs)].map((sign) => [sign, foldOf(sign)]));
  const fold = Array.from(signs, (sign) => queues.get(sign)!.shift()!);
  return Array.from({ length: count }, (_, own) => Uint8Array.from(fold, (each) => Number(each === own)));
}

/** With fewer positives than folds, a fold lacks one. */
function notesOn(perClass: readonly ClassPrecision[]): string[] {
  const absent = perClass.filter(({ averagePrecision: own }) => own === null);
  const rare = perClass.filter(({ trainPositives, averagePrecision: own }) => own !== null && trainPositives < folds);
  const list = (own: readonly ClassPrecision[]) => own.map(({ name }) => name).join(", ");
  return [
    ...(absent.length > 0
      ? [
          `${absent.length} of ${perClass.length} classes are not measured, for train or test has no positive picture of them (${list(absent)})`,
        ]
      : []),
    ...(rare.length > 0
      ? [
          `${rare.length} classes have fewer positive train pictures than the ${folds} folds that choose their cost (${list(rare)})`,
        ]
      : []),
  ];
}

const nothingMeasured = (train: MultiLabelFeatures, test: MultiLabelFeatures) =>
  new SelfsightError(
    "data",
    `svm: none of the ${train.names.length} classes of ${train.dataset} has positive pictures in the ${train.length} train and the ${test.length} test pictures; check the annotations`,
  );
