// N images of the bank, M queries, C classes
import type { Dataset } from "../data/index.ts";
import { CallError, SelfsightError } from "../errors.ts";
import type { Features } from "./features.ts";
import { type Interval, meanInterval } from "./statistics/interval.ts";

/** What a protocol found. Accuracies are shares in [0, 1]. */
export interface Evaluation {
  /** Name, version and what changes its figure, such as `knn-v1 k=200 T=0.1`. */
  protocol: string;
  /** Share of queries given the right class. */
  value: number;
  /**
   * How far chance in the choice of queries moves the value, one standard deviation: √(p (1 − p) / (M + 4)), p of two right and two wrong
   * answers more than were found (Agresti and Coull 1998), so that two queries that are both right do not count as certainty.
   */
  standardError: number;
  /**
   * Where the value may lie with other test images, 95 %: the bootstrap over images, the same at every call; Wilson's where all are right
   * or all wrong.
   */
  interval: Interval | null;
  /** What each query was worth, in their order: 1 right, 0 wrong; of several draws the share that were right. [M] */
  outcomes: Float32Array;
  correct: number;
  count: number;
  perClass: ClassScore[];
  /** What a reader of the figure should know. */
  notes: string[];
}

export interface ClassScore {
  name: string;
  correct: number;
  count: number;
  /** Null where the class has no queries. */
  accuracy: number | null;
}

/** Bank and queries under one numbering of classes. */
export interface LabelledTask {
  bank: Features;
  queries: Features;
  bankLabels: Int32Array; // [N]
  queryLabels: Int32Array; // [M]
  classes: readonly string[]; // [C]
}

/**
 * Checks that two sets of features can be measured with labels, and numbers the queries' classes as the bank does.
 *
 * @throws SelfsightError "data" without labels, with fewer than two classes, or with queries of a class that the bank lacks.
 */
export function labelledTask(bank: Features, queries: Features): LabelledTask {
  const bankLabels = labelsOf(bank);
  const classes = classNames(bank, bankLabels);
  if (new Set(bankLabels).size < 2) throw oneClass(bank, classes[bankLabels[0]!]);
  if (bank.dimensions !== queries.dimensions)
    throw new CallError(
      `evaluate: a bank of ${bank.dimensions} features, queries of ${queries.dimensions}; one representation is needed`,
    );
  return { bank, queries, bankLabels, queryLabels: renumbered(queries, classes), classes };
}

/** Labelled pictures or features, as far as their classes go. */
type Labelled = Pick<Features, "labels" | "classes" | "dataset">;

/** The classes of the test pictures under the training pictures' numbering. Errors: data, as of `labelledTask`. */
export function testLabels(train: Dataset, test: Dataset): { classes: readonly string[]; labels: Int32Array } {
  const named = ({ labels, classes, name }: Dataset): Labelled => ({
    dataset: name,
    ...(labels && { labels }),
    ...(classes && { classes }),
  });
  const classes = classNames(named(train), labelsOf(named(train)));
  return { classes, labels: renumbered(named(test), classes) };
}

function labelsOf({ labels, dataset }: Labelled): Int32Array {
  if (labels) return labels;
  throw new SelfsightError(
    "data",
    `evaluate: ${dataset} has no labels; accuracy needs them; put the pictures of each class in a sub-folder of their own`,
  );
}

const classNames = ({ classes }: Labelled, labels: Int32Array): readonly string[] =>
  classes ?? Array.from({ length: labels.reduce((most, label) => Math.max(most, label + 1), 0) }, (_, i) => String(i));

function renumbered(queries: Labelled, classes: readonly string[]): Int32Array {
  const labels = labelsOf(queries);
  const own = classNames(queries, labels);
  const numbers = new Map(classes.map((name, number) => [name, number]));
  return labels.map((label) => numbers.get(own[label]!) ?? refuseClass(queries, own[label]!));
}

function refuseClass({ dataset }: Labelled, name: string): never {
  throw new SelfsightError(
    "data",
    `evaluate: ${dataset} has test images of the class ${name}, its train split has none; both need the same classes; check the names of the sub-folders`,
  );
}

const oneClass = ({ dataset, length }: Features, name: string | undefined) =>
  new SelfsightError(
    "data",
    `evaluate: all ${length} images of ${dataset} are of one class (${name ?? "none"}); two or more are needed; put the pictures of each class in a sub-folder of their own`,
  );

/** Counts right answers; `rounds` of predictions [rounds × M], one after the other, are pooled. */
export function score(
  { queryLabels, classes }: Pick<LabelledTask, "queryLabels" | "classes">,
  predictions: Int32Array,
): Omit<Evaluation, "protocol" | "notes"> {
  const [correct, count] = [new Uint32Array(classes.length), new Uint32Array(classes.length)];
  predictions.forEach((prediction, i) => {
    const label = queryLabels[i % queryLabels.length]!;
    count[label]! += 1;
    if (prediction === label) correct[label]! += 1;
  });
  const perClass = classes.map((name, i) => ({
    name,
    correct: correct[i]!,
    count: count[i]!,
    accuracy: count[i]! > 0 ? correct[i]! / count[i]! : null,
  }));
  const right = correct.reduce((sum, own) => sum + own, 0);
  const value = right / predictions.length;
  const outcomes = outcomesOf(queryLabels, predictions);
  return {
    value,
    standardError: standardErrorOf(value, queryLabels.length),
    interval: meanInterval(outcomes),
    outcomes,
    correct: right,
    count: predictions.length,
    perClass,
  };
}

/** The share of rounds in which each query was given its class, [M]. */
function outcomesOf(queryLabels: Int32Array, predictions: Int32Array): Float32Array {
  const rounds = predictions.length / queryLabels.length;
  const right = new Uint32Array(queryLabels.length);
  predictions.forEach((prediction, i) => {
    const query = i % queryLabels.length;
    if (prediction === queryLabels[query]) right[query]! += 1;
  });
  return Float32Array.from(right, (count) => count / rounds);
}

function standardErrorOf(value: number, queries: number): number {
  const p = (value * queries + 2) / (queries + 4);
  return Math.sqrt((p * (1 - p)) / (queries + 4));
}
