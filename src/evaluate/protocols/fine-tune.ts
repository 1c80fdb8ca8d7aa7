// N labelled pictures, M test pictures, B of a batch, D features, C classes
import { type Normalization, publishedMiddle, type ViewRecipe } from "../../augment/index.ts";
import { type Dataset, sampleName, subset } from "../../data/index.ts";
import { supervisedViews } from "../../methods/index.ts";
import {
  type BackboneNetwork,
  freeNetwork,
  type Module,
  moveNetwork,
  namedParameters,
  type ParameterGroup,
  setRequiresGrad,
} from "../../nn/index.ts";
import { autocast, noGrad, type Tensor } from "../../torch/index.ts";
import { linearHead } from "../classifier/head.ts";
import type { ClassifierRecipe } from "../classifier/recipe.ts";
import { type Answers, testClassifier } from "../classifier/test-classifier.ts";
import { trainClassifier } from "../classifier/train-classifier.ts";
import { type Evaluation, score, testLabels } from "../evaluation.ts";
import { budgetWords, type LabelBudget, labelledPlaces } from "../label-budget.ts";
import { type BankOptions, noReading } from "../labelled-data.ts";
import { meanOf, spread } from "./few-shot.ts";

/** A trunk that can be made again and again, each time with the same weights, and what its pictures must be like. */
export interface TrunkSource {
  size: number;
  normalize: Normalization;
  decodeSize: number;
  device: string;
  precision: "bf16" | "fp32";
  /** The trunk as it was learned. To be freed with `freeNetwork`. */
  trained(): BackboneNetwork;
  /** The same network with first weights of a seed. To be freed with `freeNetwork`. */
  untrained(seed: number): BackboneNetwork;
}

export interface FineTuneOptions {
  /** Whose labels are used. */
  labels: LabelBudget;
  /** Whether the trunk stays as it is, in evaluation mode. Default false: all layers learn. */
  freeze?: boolean;
  /** Default 0.002. */
  backboneRate?: number;
  /** Default 0.5. */
  headRate?: number;
  /** Default 20; rates fall to a fifth at 12/20 and again at 16/20 of them. */
  epochs?: number;
  /** Default 256. Rates are not scaled by it. */
  batch?: number;
  /** A row beside: the same network from first weights on the same labels. Default "scratch". */
  beside?: "scratch" | "none";
  /** Rate of all layers of that row. Default 0.1. */
  scratchRate?: number;
  /** How many seeds, from `seed` on. Default 1. */
  seeds?: number;
  /** Of the labels drawn, the first weights of the head, order and views. Default 0. */
  seed?: number;
  /** Told of progress and bad files. */
  reading?: BankOptions["reading"] | undefined;
}

/** What one seed gave. */
export interface SeedScore {
  seed: number;
  top1: number;
  /** Null with five classes or fewer. */
  top5: number | null;
}

/** Means over the seeds. */
export interface FineTuneRow {
  value: number;
  /** Standard deviation over the seeds (divided by their number - 1); null of one seed. */
  std: number | null;
  top5: number | null;
  top5Std: number | null;
  seeds: SeedScore[];
}

/** `value` is the mean top-1 over the seeds; counts are those of all seeds together. */
export interface FineTuneResult extends Evaluation, FineTuneRow {
  /** Labelled pictures. */
  labels: number;
  /** Steps of one training. */
  steps: number;
  /** The supervised row: the same labels without pretraining. Null where it was not asked for. */
  scratch: FineTuneRow | null;
}

/** Train and test pictures with labels under the trunk's reading rules. */
export interface FineTuneTask {
  trunk: TrunkSource;
  train: Dataset;
  test: Dataset;
}

/**
 * The protocol finetune-v1 (arXiv 2103.03230, section 3.2): trunk and a new linear layer learn from few labels, each at a rate of its
 * own; SGD with momentum 0.9, no decay, random resized crops and flips, batch norm in training mode. The last epoch is measured, once.
 * The supervised row learns all layers from first weights at one rate with decay 1e-4 on the same labels, epochs and views.
 *
 * @throws SelfsightError "data" for too few labels, "numerics" where it diverges.
 */
export async function fineTune(
  task: FineTuneTask,
  options: FineTuneOptions,
): Promise<{ found: FineTuneResult; badFiles: number }> {
  const { seed = 0, seeds = 1, beside = "scratch" } = options;
  const own = Array.from({ length: seeds }, (_, i) => seed + i);
  const trained = await eachSeed(own, (each) => tunedOnce(task, options, each, "trained"));
  const scratch =
    beside === "scratch" ? await eachSeed(own, (each) => tunedOnce(task, options, each, "scratch")) : null;
  const { labels, steps, notes } = trained[0]!;
  const found = {
    protocol: protocolOf(options),
    ...pooled(trained.map(({ answers }) => answers)),
    ...rowOf(own, trained),
    labels,
    steps,
    scratch: scratch && rowOf(own, scratch),
    notes: [...notes, ...fewSteps(steps)],
  };
  return { found, badFiles: new Set([...trained, ...(scratch ?? [])].flatMap(({ badFiles }) => badFiles)).size };
}

async function eachSeed<T>(seeds: readonly number[], body: (seed: number) => Promise<T>): Promise<T[]> {
  const found: T[] = [];
  for (const seed of seeds) found.push(await body(seed));
  return found;
}

interface Tuned {
  answers: Answers;
  labels: number;
  steps: number;
  notes: string[];
  /** Pictures that could not be read, by part and name. */
  badFiles: string[];
}

/** One training and its test. */
async function tunedOnce(
  { trunk, train, test }: FineTuneTask,
  options: FineTuneOptions,
  seed: number,
  row: "trained" | "scratch",
): Promise<Tuned> {
  const { places, notes } = labelledPlaces(train, options.labels, seed);
  const labelled = subset(train, places);
  const { classes, labels } = testLabels(train, test);
  const own = row === "trained" ? options : { ...options, freeze: false };
  const network = openClassifier(trunk, { seed, classes: classes.length, row, freeze: own.freeze ?? false });
  const { reading = noReading } = options;
  try {
    const { end, ...told } = reading(labelled);
    const badFiles: string[] = [];
    const { steps } = await trainClassifier({
      ...network,
      train: labelled,
      recipe: recipeOf(options),
      groups: groupsOf(network, ratesOf(own, row)),
      view: viewFor(trunk),
      decodeSize: trunk.decodeSize,
      device: trunk.device,
      seed,
      onProgress: told.onProgress,
      sharing: told.sharing,
      onBadFile(index, { message }) {
        const name = sampleName(labelled, index);
        badFiles.push(`train ${name}`);
        told.onBadFile?.({ index, name, reason: message });
      },
    }).finally(end);
    const { end: endTest, ...toldTest } = reading(test);
    const view = { ...trunk, middle: publishedMiddle };
    const logits = network.measured;
    const { badFiles: badTestFiles, ...answers } = await testClassifier({
      ...{ test, labels, classes, view, logits },
      reading: toldTest,
    }).finally(endTest);
    badFiles.push(...badTestFiles.map(({ name }) => `test ${name}`));
    return { answers, labels: labelled.length, steps, notes, badFiles };
  } finally {
    freeNetwork(network.head);
    freeNetwork(network.backbone);
  }
}

interface OpenClassifier {
  backbone: BackboneNetwork;
  head: Module;
  /** While learning. */
  logits(images: Tensor): Tensor;
  /** While measuring. */
  measured(images: Tensor): Tensor;
}

interface Opening {
  seed: number;
  classes: number;
  row: "trained" | "scratch";
  freeze: boolean;
}

function openClassifier(trunk: TrunkSource, { seed, classes, row, freeze }: Opening): OpenClassifier {
  const { device, precision } = trunk;
  const backbone = row === "trained" ? trunk.trained() : trunk.untrained(seed);
  moveNetwork(backbone, device);
  if (freeze) setRequiresGrad(backbone, false);
  const head = linearHead({ features: backbone.outputSize, classes, seed, device });
  const dtype = precision === "bf16" ? "bfloat16" : "float32";
  const logits = (images: Tensor) => {
    const features = autocast({ dtype, device: device.split(":")[0]! }, () => backbone.forward(images)); // [B, D]
    return head.forward(features.to("float32")); // [B, C]
  };
  return {
    backbone,
    head,
    logits: (images) => {
      backbone.train(!freeze);
      return logits(images);
    },
    measured: (images) => {
      backbone.eval();
      return noGrad(() => logits(images));
    },
  };
}

interface Rates {
  backbone: number;
  head: number;
  weightDecay: number;
  freeze: boolean;
}

const ratesOf = (
  { backboneRate = 0.002, headRate = 0.5, scratchRate = 0.1, freeze = false }: FineTuneOptions,
  row: "trained" | "scratch",
): Rates =>
  row === "trained"
    ? { backbone: backboneRate, head: headRate, weightDecay: 0, freeze }
    : { backbone: scratchRate, head: scratchRate, weightDecay: 1e-4, freeze: false };

function groupsOf({ backbone, head }: OpenClassifier, rates: Rates): ParameterGroup[] {
  const group = (name: string, network: Module, learningRate: number): ParameterGroup => ({
    name,
    parameters: new Map([...namedParameters(network)].map(([own, tensor]) => [`${name}.${own}`, tensor])),
    learningRate,
    weightDecay: rates.weightDecay,
  });
  const own = group("head", head, rates.head);
  return rates.freeze ? [own] : [group("backbone", backbone, rates.backbone), own];
}

function recipeOf({ epochs = 20, batch = 256 }: FineTuneOptions): ClassifierRecipe {
  return {
    epochs,
    batchSize: batch,
    momentum: 0.9,
    nesterov: false,
    schedule: { kind: "steps", factor: 0.2, at: [12 / 20, 16 / 20] },
  };
}

/** Crop and flip, in the trunk's own colours. */
const viewFor = ({ size, normalize }: TrunkSource): ViewRecipe => ({ ...supervisedViews({ size })[0]!, normalize });

const rowOf = (seeds: readonly number[], tuned: readonly Tuned[]): FineTuneRow => {
  const top1 = tuned.map(({ answers }) => answers.top1);
  const top5 = tuned.flatMap(({ answers }) => (answers.top5 === null ? [] : [answers.top5]));
  return {
    value: meanOf(top1),
    std: spread(top1),
    top5: top5.length > 0 ? meanOf(top5) : null,
    top5Std: spread(top5),
    seeds: tuned.map(({ answers: { top1: own, top5: five } }, i) => ({ seed: seeds[i]!, top1: own, top5: five })),
  };
};

/** Counts of all seeds together; error and interval are those of the test pictures, each worth its share of right answers. */
function pooled(answers: readonly Answers[]) {
  const { labels, classes } = answers[0]!;
  const predictions = new Int32Array(answers.length * labels.length); // [seeds × M]
  answers.forEach(({ first }, i) => {
    predictions.set(first, i * labels.length);
  });
  return score({ queryLabels: labels, classes }, predictions);
}

/** Fewer than this, and a network has hardly moved. */
const usualSteps = 200;

const fewSteps = (steps: number): string[] =>
  steps >= usualSteps ? [] : [`${steps} steps in all: with so few labels a smaller --batch takes more of them`];

function protocolOf(options: FineTuneOptions): string {
  const { freeze = false, epochs = 20, seeds = 1, seed = 0 } = options;
  const changed = (["backboneRate", "headRate", "batch"] as const).filter((key) => options[key] !== undefined);
  const own = changed.map((key) => `, ${wordsOf[key]} ${options[key]}`).join("");
  const which = seeds > 1 ? `, seeds ${seed} to ${seed + seeds - 1}` : seed === 0 ? "" : `, seed ${seed}`;
  return `finetune-v1 ${budgetWords(options.labels)}, ${freeze ? "frozen trunk" : "all layers"}, ${epochs} epochs${own}${which}`;
}

const wordsOf = { backboneRate: "backbone rate", headRate: "head rate", batch: "batch" } as const;
