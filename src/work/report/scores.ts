// N images of the bank, M queries
import { type Dataset, openDataset, subset } from "../../data/index.ts";
import {
  backboneRepresentation,
  bankAndQueries,
  evaluateKnn,
  extractFeatures,
  type Features,
  featuresAt,
  fewShot,
  type LabelledData,
  openLabelled,
  pixelRepresentation,
  type Representation,
} from "../../evaluate/index.ts";
import type { Module } from "../../nn/index.ts";
import { keyedPermutation } from "../../random.ts";
import type { Figure, Measure, Score, Scores } from "../../report/index.ts";
import { type RunFile, rulesOf, type TrainState } from "../../train/index.ts";
import { viewOf } from "../representation.ts";

/** More pictures than these are not measured: pixels of each are held in memory. */
const mostImages = 60_000;
const mostLabels = 10;
/** As many labelled pictures as a person sorts by hand in an hour; a larger bank is measured beside them. */
const fewImages = 1000;
const bankKey = 0x62616e6b;
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
  name: "pixels" | "untrained network" | "trained network";
  bank: Features;
  queries: Features;
  worth?: { measures: Measure[]; figures: Figure[]; draws: number };
}

/** What is true of every row of a table. */
export type Columns = Omit<Scores, "rows">;

/** The run's pictures again, with their test split where they are labelled. */
export async function openMeasured({ data, settings }: RunFile): Promise<MeasuredData> {
  const { seed } = settings;
  const rules = rulesOf(settings);
  const ownLimit = settings.limit === null ? {} : { limit: settings.limit };
  const train = await openDataset(data, { split: "train", rules, ...ownLimit });
  const limit = settings.limit ?? (train.length > mostImages ? mostImages : undefined);
  const isLabelled = train.labels !== undefined && hasPairs(train.labels);
  if (!isLabelled) return { train, isLabelled, seed, limit };
  return { ...(await openLabelled(data, limit === undefined ? { rules } : { rules, limit })), isLabelled, seed, limit };
}

/** Two classes at least, and one with two pictures: less cannot be measured. */
const hasPairs = (labels: Int32Array): boolean => {
  const classes = new Set(labels).size;
  return classes > 1 && classes < labels.length;
};

/** One row of the table: features of all pictures, and all measures of them. */
export async function measure(name: Measured["name"], data: MeasuredData, state: TrainState): Promise<Measured> {
  const representation = name === "pixels" ? pixelsOf(state, data.train) : backboneOf(name, state);
  if (!data.isLabelled) return { name, ...(await unlabelledFeatures(representation, data)) };
  const { seed, limit } = data;
  const { bank, queries, suffix } = await bankAndQueries(
    representation,
    data,
    limit === undefined ? { seed } : { seed, limit },
  );
  const worth = worthOf(bank, queries, { device: state.device, seed, suffix });
  return { name, bank, queries, worth };
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

interface Circumstances {
  device: string;
  seed: number;
  suffix: string;
}

/** Few labels first, then few labelled neighbours, then all: so a reader meets the case first that is most like their own. */
function worthOf(bank: Features, queries: Features, how: Circumstances): NonNullable<Measured["worth"]> {
  const few = fewLabels(bank, queries, how);
  const banks = bank.length > fewImages ? [someOf(bank, how.seed), bank] : [bank];
  const found = [few, ...banks.map((own) => neighboursOf(own, queries, how))];
  return {
    measures: found.map(({ measure: own }) => own),
    figures: found.map(({ figure }) => figure),
    draws: few.draws,
  };
}

const someOf = (bank: Features, seed: number): Features =>
  featuresAt(bank, keyedPermutation(bank.length, seed, bankKey).slice(0, fewImages).sort());

function neighboursOf(bank: Features, queries: Features, { device, suffix }: Circumstances) {
  const { protocol, value, standardError } = evaluateKnn(bank, queries, { device });
  const images = bank.length.toLocaleString("en");
  const measure = {
    title: `kNN among ${images}`,
    inWords: `by the nearest of ${images} labelled pictures`,
    protocol: `${protocol} among ${images}${suffix}`,
    hasFewLabels: bank.length <= fewImages,
  };
  return { measure, figure: { value, error: standardError } };
}

function fewLabels(bank: Features, queries: Features, { device, suffix }: Circumstances) {
  const labels = Math.min(mostLabels, smallestClass(bank.labels!));
  const { protocol, value, std, draws, standardError } = fewShot(bank, queries, { labels, device });
  const title = `${labels} ${labels === 1 ? "label" : "labels"} a class`;
  const measure = { title, inWords: `with ${title}`, protocol: `${protocol}${suffix}`, hasFewLabels: true };
  const error = Math.hypot(standardError, (std ?? 0) / Math.sqrt(draws.length)); // of the queries and of the draws
  return { measure, figure: { value, error }, draws: draws.length };
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

/** A row of the table with what its columns are; undefined without labels. */
export function scoreOf({ test }: MeasuredData, { name, queries, worth }: Measured): [Score, Columns] | undefined {
  if (!worth) return undefined;
  const { measures, figures, draws } = worth;
  return [
    { name, figures },
    { measures, draws, testImages: queries.length, isTestSplit: test !== undefined },
  ];
}

/** The table, or null without labels. */
export function scoresOf(
  data: MeasuredData,
  ...measured: readonly [pixels: Measured, untrained: Measured, trained: Measured]
): Scores | null {
  const scores = measured.flatMap((row) => scoreOf(data, row)?.[0] ?? []);
  const columns = scoreOf(data, measured[0])?.[1];
  return columns ? { ...columns, rows: scores as unknown as Scores["rows"] } : null;
}
