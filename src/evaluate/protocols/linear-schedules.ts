// Linear classifiers on changing views of pictures through a frozen trunk, as the papers train them.
// N train pictures, M test pictures, B of a batch, D features, C classes, E epochs
import { publishedMiddle, type ViewRecipe } from "../../augment/index.ts";
import { type Dataset, sampleName } from "../../data/index.ts";
import { supervisedViews } from "../../methods/index.ts";
import { freeNetwork, type Module, namedParameters, type ParameterGroup } from "../../nn/index.ts";
import { noGrad, scope, type Tensor } from "../../torch/index.ts";
import { linearHead } from "../classifier/head.ts";
import type { ClassifierSchedule } from "../classifier/recipe.ts";
import { type Answers, answersOf, answersPerPicture, greatest } from "../classifier/test-classifier.ts";
import { trainClassifier } from "../classifier/train-classifier.ts";
import { type Evaluation, score, testLabels } from "../evaluation.ts";
import { type BadFile, extractFeatures, featureTensor } from "../features.ts";
import { type BankOptions, noReading } from "../labelled-data.ts";
import type { Representation } from "../representation.ts";
import { ofLeader } from "../shared-batches.ts";

interface LinearSchedule {
  id: string;
  epochs: number;
  /** At a batch of 256; others in proportion. */
  rate: number;
  weightDecay: number;
  schedule: ClassifierSchedule;
  /** Whether a batch norm with scale and shift stands before the layer. */
  normalizes: boolean;
}

const thirds: ClassifierSchedule = { kind: "steps", factor: 0.1, at: [1 / 3, 2 / 3] };

/**
 * By what the classifier is trained. imagenet: arXiv 2103.03230, section 3.1, and its official evaluate.py. places205 and inat18: section
 * 3.3 after PIRL (arXiv 1912.01991), rates falling to a tenth at two equally spaced points; a batch norm before the layer as in VISSL.
 */
export const linearSchedules = {
  imagenet: {
    id: "linear-imagenet-v1",
    epochs: 100,
    rate: 0.3,
    weightDecay: 1e-6,
    schedule: { kind: "cosine" },
    normalizes: false,
  },
  places205: {
    id: "transfer-places205-v1",
    epochs: 14,
    rate: 0.01,
    weightDecay: 5e-4,
    schedule: thirds,
    normalizes: true,
  },
  inat18: { id: "transfer-inat18-v1", epochs: 84, rate: 0.01, weightDecay: 5e-4, schedule: thirds, normalizes: true },
} as const satisfies Record<string, LinearSchedule>;

export type LinearScheduleName = keyof typeof linearSchedules;

export interface ScheduledLinearOptions {
  schedule: LinearScheduleName;
  /** Default: the schedule's. */
  epochs?: number;
  /** Default 256; the rate is scaled by batch / 256. */
  batch?: number;
  /** Of the first weights, order and views. Default 0. */
  seed?: number;
  reading?: BankOptions["reading"];
}

/** Accuracies after an epoch, counted from 1. */
export interface EpochScore {
  epoch: number;
  top1: number;
  /** Null with five classes or fewer. */
  top5: number | null;
}

/** `value` is that of the last epoch. */
export interface ScheduledLinearResult extends Evaluation {
  /** Null with five classes or fewer. */
  top5: number | null;
  last: EpochScore;
  /** The epoch whose test accuracy is greatest, as published figures are: test labels chose it. */
  best: EpochScore;
  epochs: EpochScore[];
}

/** What is measured, and what could not be read. */
export interface ScheduledLinear {
  found: ScheduledLinearResult;
  dimensions: number;
  badFiles: readonly BadFile[];
}

/**
 * One linear layer on a frozen trunk in evaluation mode, trained on random resized crops and flips by SGD with momentum 0.9; weights
 * begin at N(0, 0.01), biases at 0. Measured after each epoch on the middle of each test picture, the shorter side at 256 for views of
 * 224 and in proportion for others.
 *
 * @throws SelfsightError "numerics" where it diverges, "data" for classes that the train split lacks.
 */
export async function scheduledLinear(
  representation: Representation,
  { train, test }: { train: Dataset; test: Dataset },
  options: ScheduledLinearOptions,
): Promise<ScheduledLinear> {
  const own = linearSchedules[options.schedule];
  const { epochs = own.epochs, batch = 256, seed = 0, reading = noReading } = options;
  const { classes, labels } = testLabels(train, test);
  const { end: endTest, ...toldTest } = reading(test);
  const measured = { ...representation, middle: publishedMiddle };
  const queries = await extractFeatures(measured, test, toldTest).finally(endTest);
  const { device } = representation;
  const { end, onProgress, onBadFile, sharing } = reading(train);
  const dimensions = await ofLeader(sharing, () => queries.dimensions);
  const head = linearHead({ ...{ features: dimensions, classes: classes.length }, ...own, seed, device });
  const table = featureTensor(queries, device); // [M, D]; with several processes in the first alone
  const task = { labels: Int32Array.from(queries.indices, (place) => labels[place]!), classes };
  const measure = () => answersOf(greatestOf(head, table, answersPerPicture(classes)), task);
  const answers: Answers[] = [];
  const badFiles: BadFile[] = [...queries.badFiles];
  try {
    await trainClassifier({
      train,
      recipe: { epochs, batchSize: batch, momentum: 0.9, nesterov: false, schedule: own.schedule },
      view: viewFor(representation),
      decodeSize: representation.decodeSize,
      device,
      seed,
      logits: (images) => head.train().forward(noGrad(() => representation.forward(images).to("float32"))),
      groups: [groupOf(head, { learningRate: (own.rate * batch) / 256, weightDecay: own.weightDecay })],
      onProgress,
      onBadFile(index, { message }) {
        const file = { index, name: sampleName(train, index), reason: message };
        badFiles.push(file);
        onBadFile?.(file);
      },
      onEpoch: async () => void answers.push(fromWords(await ofLeader(sharing, () => inWords(measure())))),
      sharing,
    }).finally(end);
  } finally {
    table.free();
    freeNetwork(head);
  }
  return { found: resultOf(own, answers, { epochs, batch, seed }), dimensions, badFiles };
}

/** Answers on their way to other processes. */
const inWords = ({ first, labels, ...rest }: Answers) => ({ ...rest, first: [...first], labels: [...labels] });
const fromWords = ({ first, labels, ...rest }: ReturnType<typeof inWords>): Answers => ({
  ...rest,
  first: Int32Array.from(first),
  labels: Int32Array.from(labels),
});

/** Rows that are multiplied at a time. */
const rowsAtOnce = 4096;

/** The k greatest of each row, [M × k]. */
function greatestOf(head: Module, table: Tensor, k: number): Int32Array {
  head.eval();
  const answers = new Int32Array(table.size(0) * k);
  for (let start = 0; start < table.size(0); start += rowsAtOnce) {
    const length = Math.min(rowsAtOnce, table.size(0) - start);
    const own = noGrad(() => scope(() => greatest(head.forward(table.narrow(0, start, length)), k)));
    answers.set(own, start * k);
  }
  return answers;
}

const groupOf = (head: Module, rates: Pick<ParameterGroup, "learningRate" | "weightDecay">): ParameterGroup => ({
  name: "head",
  parameters: namedParameters(head),
  ...rates,
});

const viewFor = ({ size, normalize }: Representation): ViewRecipe => ({ ...supervisedViews({ size })[0]!, normalize });

const epochScore = ({ top1, top5 }: Answers, epoch: number): EpochScore => ({ epoch, top1, top5 });

interface Said {
  epochs: number;
  batch: number;
  seed: number;
}

function resultOf({ id }: LinearSchedule, answers: readonly Answers[], { epochs, batch, seed }: Said) {
  const each = answers.map((own, i) => epochScore(own, i + 1));
  const { first, labels, classes, top5 } = answers.at(-1)!;
  const best = each.reduce((most, own) => (own.top1 > most.top1 ? own : most));
  const also = `${batch === 256 ? "" : `, batch ${batch}`}${seed === 0 ? "" : `, seed ${seed}`}`;
  return {
    protocol: `${id} ${epochs} epochs${also}`,
    ...score({ queryLabels: labels, classes }, first),
    top5,
    last: each.at(-1)!,
    best,
    epochs: each,
    notes: [
      `the best epoch, ${best.epoch}, is chosen by test labels, as published figures are; the last epoch chooses nothing`,
    ],
  };
}
