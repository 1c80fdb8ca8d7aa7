// N images of the bank, M test pictures, D features, C classes
import { existsSync } from "node:fs";
import { z } from "zod";
import { type Dataset, subset } from "../../data/index.ts";
import {
  type Contestant,
  type CorruptionName,
  classify as classifyRows,
  corruptionNamed,
  type ExtractOptions,
  extractFeatures,
  featureTensor,
  labelledTask,
  robustness as measure,
  noReading,
  probeLayer,
  type RelativeErrors,
  type Representation,
  type RobustnessScore,
  refuseStrength,
  relativeErrors,
  robustnessName,
  testLabels,
  trainAndTest,
  usualNeighbours,
  weightedKnn,
} from "../../evaluate/index.ts";
import { keyedPermutation } from "../../random.ts";
import { tensor } from "../../torch/index.ts";
import { runPath } from "../../train/index.ts";
import { refuseOtherTrunk } from "../embeddings/trunk.ts";
import { Model } from "../model.ts";
import { type OpenedRepresentation, openRepresentation } from "../representation.ts";
import { given } from "./given.ts";
import { type Circumstances, imagesOf, labelledFor } from "./on-features.ts";
import type { Asked, MeasureOptions, Protocol, ProtocolReport } from "./protocol.ts";

/** Options of the protocol `robustness`. */
export interface RobustnessProtocolOptions {
  /** Names of corruptions. Default all fifteen. */
  corruptions?: readonly string[] | undefined;
  /** From 1 (weakest) to 5. Default all. */
  strengths?: readonly number[] | undefined;
  /** What learns from clean pictures: `knn` or `linear` on frozen features. Default "knn". */
  classifier?: "knn" | "linear" | undefined;
  /** At most so many test pictures are corrupted, a keyed choice. Default all. */
  pictures?: number | undefined;
  /** `baselines`: the pixels (of 64 pixels and less) and the untrained network on the same pictures. Default "baselines". */
  beside?: "baselines" | "none" | undefined;
}

/** A baseline on the same corrupted pictures, and the errors relative to it. */
export interface RobustnessBaseline extends RelativeErrors {
  name: string;
  clean: number;
  value: number;
}

/** `value` is the mean accuracy over corruptions and strengths. */
export interface RobustnessReport extends ProtocolReport, Circumstances, RobustnessScore {
  /** 1 less the value. */
  meanError: number;
  baselines: RobustnessBaseline[];
}

/** Accuracy under common corruptions (arXiv 1903.12261). */
export const robustness: Protocol<RobustnessProtocolOptions, RobustnessReport> = {
  own: {
    corruptions: z.array(z.string()).min(1).optional(),
    strengths: z.array(z.number()).min(1).optional(),
    classifier: z.enum(["knn", "linear"]).optional(),
    pictures: z.number().int().min(1).optional(),
    beside: z.enum(["baselines", "none"]).optional(),
  },
  isRunByAll: () => true,
  run,
};

async function run(asked: Asked<RobustnessProtocolOptions>): Promise<RobustnessReport> {
  const { source, data, options } = asked;
  const variants = {
    corruptions: options.corruptions && [...new Set(options.corruptions.map(corruptionNamed))],
    strengths: options.strengths && [...new Set(options.strengths.map(refuseStrength))].sort(),
  };
  const labelled = await labelledFor(source, data, options);
  const { train, test: whole, suffix } = trainAndTest(labelled, given({ limit: options.limit, seed: options.seed }));
  const test = someOf(whole, options);
  const opened = openAll(asked, train);
  try {
    for (const { name, representation, isOwn } of opened)
      if (isOwn) await refuseOtherTrunk(options.sharing, name, (representation as OpenedRepresentation).trunk);
    return await measured({
      asked,
      opened,
      train,
      test,
      suffix: `${suffix}${fewer(test, whole)}`,
      variants: given(variants),
    });
  } finally {
    for (const { representation, isOwn } of opened) if (isOwn) (representation as OpenedRepresentation).free();
  }
}

const pictureKey = 0x70696374;

const someOf = (
  test: Dataset,
  { pictures = test.length, seed = 0 }: RobustnessProtocolOptions & MeasureOptions,
): Dataset =>
  pictures >= test.length
    ? test
    : subset(test, keyedPermutation(test.length, seed, pictureKey).subarray(0, pictures).sort());

const fewer = (test: Dataset, whole: Dataset): string =>
  test.length === whole.length ? "" : `, ${test.length} test images`;

interface Opened {
  name: string;
  representation: Representation;
  /** Whether it was opened here. */
  isOwn: boolean;
}

/** The trunk, and what stands beside it at its size. */
function openAll({ source, options }: Asked<RobustnessProtocolOptions>, train: Dataset): Opened[] {
  const first =
    source instanceof Model
      ? { name: source.name, representation: source.representation, isOwn: false }
      : { name: source, representation: openRepresentation(source, train, options), isOwn: true };
  if (options.beside === "none") return [first];
  const { size } = first.representation;
  const beside = baselinesOf(source, size).map((name) => {
    const representation = openRepresentation(name, train, { ...options, size });
    return { name: name.split(":")[0]!, representation, isOwn: true };
  });
  return [first, ...beside];
}

/** Pixels of large pictures would fill the memory as a bank. */
const mostPixels = 64;

function baselinesOf(source: string | Model, size: number): string[] {
  const path = source instanceof Model ? source.opened.source : source;
  if (/^(pixels|untrained)(:|$)/.test(path)) return [];
  return [...(size <= mostPixels ? ["pixels"] : []), ...(existsSync(runPath(path)) ? [`untrained:${path}`] : [])];
}

interface Measuring {
  asked: Asked<RobustnessProtocolOptions>;
  opened: readonly Opened[];
  train: Dataset;
  test: Dataset;
  suffix: string;
  variants: { corruptions?: readonly CorruptionName[]; strengths?: readonly number[] };
}

async function measured({ asked, opened, train, test, suffix, variants }: Measuring): Promise<RobustnessReport> {
  const { options } = asked;
  const { seed, reading = noReading } = options;
  const { end, ...told } = reading(train);
  const startedAt = performance.now();
  const learned: Learned[] = [];
  for (const own of opened)
    learned.push(
      await learnedFrom(own.representation, train, options, learned.length === 0 ? told : { sharing: told.sharing }),
    );
  end?.();
  const learnedAt = performance.now();
  const { end: endTest, ...toldTest } = reading(test);
  const { labels } = testLabels(train, test);
  const how = given({ ...variants, seed, reading: forAll(toldTest) });
  const { scores } = await measure({ test, labels }, learned, how).finally(endTest);
  const [score, ...others] = scores as [RobustnessScore, ...RobustnessScore[]];
  const { name, size, device, precision } = opened[0]!.representation;
  return {
    protocol: `${robustnessName(size, how)}, ${learned[0]!.words}${suffix}`,
    ...score,
    meanError: 1 - score.value,
    baselines: others.map((other, i) => ({
      ...{ name: opened[i + 1]!.name, clean: other.clean, value: other.value },
      ...relativeErrors(score, other),
    })),
    notes: notesOn(size),
    representation: { source: opened[0]!.name, name, size, features: learned[0]!.features, device, precision },
    data: {
      name: train.name,
      bankImages: train.length,
      queryImages: score.outcomes.length,
      badFiles: test.length - score.outcomes.length,
    },
    ...imagesOf(test, score),
    seconds: { features: (learnedAt - startedAt) / 1000, protocol: (performance.now() - learnedAt) / 1000 },
  };
}

const notesOn = (size: number): string[] => [
  "frost is drawn: the published pictures lay photographs of ice over theirs",
  ...(size === 32 || size === 224
    ? []
    : [
        `the strengths are those of ${size < 85 ? 32 : 224} pixels; at ${size} they are not those of any published set`,
      ]),
];

/** Every process needs the bank to answer for its share of the pictures, and all answers for the report. */
const forAll = ({ sharing, ...told }: ExtractOptions): ExtractOptions => ({
  ...told,
  ...(sharing && { sharing: { ...sharing, isForAll: true } }),
});

interface Learned extends Contestant {
  /** How the classifier is called in the protocol's name. */
  words: string;
  features: number;
}

async function learnedFrom(
  representation: Representation,
  train: Dataset,
  { classifier = "knn", seed = 0 }: RobustnessProtocolOptions & { seed?: number | undefined },
  reading: ExtractOptions,
): Promise<Learned> {
  const bank = await extractFeatures(representation, train, forAll(reading));
  const { device } = representation;
  const task = labelledTask(bank, bank);
  const features = bank.dimensions;
  if (classifier === "linear") {
    const layer = probeLayer(bank, task, { device, seed });
    const weights = () => tensor(layer, [features + 1, task.classes.length], { device });
    return {
      representation,
      features,
      words: "linear-v1",
      classify: (rows) => classifyRows(rows, weights()).to("int32").data() as Int32Array,
    };
  }
  const k = Math.min(bank.length, usualNeighbours(bank.length, task.classes.length));
  const [temperature, classes] = [0.1, task.classes.length];
  const classify: Contestant["classify"] = (queries) =>
    weightedKnn({ bank: featureTensor(bank, device), bankLabels: task.bankLabels, queries, k, temperature, classes })
      .predictions;
  return { representation, features, words: `knn-v1 k=${k} T=${temperature}`, classify };
}
