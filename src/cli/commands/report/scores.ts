// N images of the bank, M queries
import { type Dataset, openDataset, subset } from "../../../data/index.ts";
import {
  backboneRepresentation,
  bankAndQueries,
  evaluateKnn,
  extractFeatures,
  type Features,
  type FewShotResult,
  featuresAt,
  fewShot,
  type LabelledData,
  openLabelled,
  pixelRepresentation,
  type Representation,
} from "../../../evaluate/index.ts";
import type { Module } from "../../../nn/index.ts";
import { keyedPermutation } from "../../../random.ts";
import { percent, type Scores } from "../../../report/index.ts";
import type { RunFile, TrainState } from "../../../train/index.ts";
import { viewOf } from "../../../work/representation.ts";

/** More pictures than these are not measured: pixels of each are held in memory. */
const mostImages = 60_000;
const mostLabels = 10;
/** Of pictures without labels: how many are looked up among the others. */
const unlabelledQueries = 10;
const queryKey = 0x71756572;

/** The pictures that a run is measured on. */
export interface MeasuredData extends LabelledData {
  isLabelled: boolean;
  seed: number;
  /** What the splits were limited to. */
  limit: number | undefined;
}

/** Features of one representation, and what they are worth where there are labels. */
export interface Measured {
  name: string;
  bank: Features;
  queries: Features;
  worth?: { knn: number; fewShot: FewShotResult; labels: number; protocols: string[] };
}

/** The run's pictures again, with their test split where they are labelled. */
export async function openMeasured({ data, settings }: RunFile): Promise<MeasuredData> {
  const { seed } = settings;
  const train = await openDataset(data, { split: "train", ...(settings.limit !== null && { limit: settings.limit }) });
  const limit = settings.limit ?? (train.length > mostImages ? mostImages : undefined);
  const isLabelled = train.labels !== undefined && hasPairs(train.labels);
  if (!isLabelled) return { train, isLabelled, seed, limit };
  return { ...(await openLabelled(data, limit === undefined ? {} : { limit })), isLabelled, seed, limit };
}

/** Two classes at least, and one with two pictures: less cannot be measured. */
const hasPairs = (labels: Int32Array): boolean => {
  const classes = new Set(labels).size;
  return classes > 1 && classes < labels.length;
};

type Name = "pixels" | "untrained network" | "trained network";

/** One row of the table: features of all pictures, and both protocols; the row is said when it is known. */
export async function measure(
  name: Name,
  data: MeasuredData,
  state: TrainState,
  say: (line: string) => void,
): Promise<Measured> {
  const representation = name === "pixels" ? pixelsOf(state, data.train) : backboneOf(name, state);
  if (!data.isLabelled) return { name, ...(await unlabelledFeatures(representation, data)) };
  const { seed, limit } = data;
  const { bank, queries, suffix } = await bankAndQueries(
    representation,
    data,
    limit === undefined ? { seed } : { seed, limit },
  );
  const worth = worthOf(bank, queries, state.device, suffix);
  if (name === "pixels") say(tableHead(bank, queries, worth.labels, data.test !== undefined));
  const spread = worth.fewShot.std === null ? "" : ` ± ${(100 * worth.fewShot.std).toFixed(1)}`;
  say(`${name.padEnd(20)}${percent(worth.knn).padStart(10)}${percent(worth.fewShot.value).padStart(18)}${spread}`);
  return { name, bank, queries, worth };
}

function tableHead(bank: Features, queries: Features, labels: number, isTestSplit: boolean): string {
  const measured = `${queries.length} ${isTestSplit ? "test" : "held-out"} images, ${bank.length} labelled ones to compare with`;
  return `\n${measured}\n${"".padEnd(20)}${"kNN".padStart(10)}${`${labels} labels/class`.padStart(18)}`;
}

/** The pixels as the network is fed them. */
function pixelsOf({ settings }: TrainState, dataset: Dataset): Representation {
  const { size, normalize } = viewOf(settings);
  const isGrey = dataset.kind === "array" && dataset.channels === 1;
  return { ...pixelRepresentation({ size, isGrey }), normalize };
}

function backboneOf(name: string, { settings, method, device, precision }: TrainState): Representation {
  return backboneRepresentation(method.trainable.backbone as Module, { name, ...viewOf(settings), device, precision });
}

function worthOf(bank: Features, queries: Features, device: string, suffix: string): NonNullable<Measured["worth"]> {
  const labels = Math.min(mostLabels, smallestClass(bank.labels!));
  const knn = evaluateKnn(bank, queries, { device });
  const few = fewShot(bank, queries, { labels, device });
  return { knn: knn.value, fewShot: few, labels, protocols: [knn, few].map(({ protocol }) => `${protocol}${suffix}`) };
}

function smallestClass(labels: Int32Array): number {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Math.min(...counts.values());
}

/** Without labels a few pictures, drawn by the seed, are looked up among all others. */
async function unlabelledFeatures(representation: Representation, { train, seed, limit }: MeasuredData) {
  const all = await extractFeatures(
    representation,
    train.length > (limit ?? train.length) ? firstOf(train, limit!) : train,
  );
  const order = keyedPermutation(all.length, seed, queryKey);
  const count = Math.min(unlabelledQueries, Math.floor(all.length / 2));
  return {
    queries: featuresAt(all, Uint32Array.from(order.subarray(0, count))),
    bank: featuresAt(all, Uint32Array.from(order.subarray(count)).sort()),
  };
}

const firstOf = (dataset: Dataset, count: number): Dataset =>
  subset(dataset, keyedPermutation(dataset.length, 0).slice(0, count).sort());

/** The table, or null without labels. */
export function scoresOf(
  { test }: MeasuredData,
  ...measured: readonly [pixels: Measured, untrained: Measured, trained: Measured]
): Scores | null {
  const [{ bank, queries, worth }] = measured;
  if (!worth) return null;
  const rows = measured.map(({ name, worth: own }) => ({
    name,
    knn: own!.knn,
    fewShot: own!.fewShot.value,
    fewShotStd: own!.fewShot.std,
  }));
  return {
    rows: rows as unknown as Scores["rows"],
    labels: worth.labels,
    draws: worth.fewShot.draws.length,
    bankImages: bank.length,
    testImages: queries.length,
    isTestSplit: test !== undefined,
    protocols: worth.protocols,
  };
}
