// N images of the bank, B of a batch, D features, C classes, G heads trained side by side
import { SelfsightError } from "../../errors.ts";
import { warmupCosine } from "../../nn/index.ts";
import { keyedPermutation, keyedStream } from "../../random.ts";
import { cat, indexTensor, noGrad, ones, op, scope, type Tensor, tensor, zeros } from "../../torch/index.ts";
import { type Evaluation, type LabelledTask, labelledTask, score } from "../evaluation.ts";
import { type Features, featureTensor } from "../features.ts";
import { stratifiedHoldOut } from "../hold-out.ts";
import { oneHot, withOnes } from "./logistic-regression.ts";

export interface LinearProbeOptions {
  /** Default 100; small data get more, so that every head takes 1,000 steps. */
  epochs?: number;
  /** Of the first weights, the order and the held-out part. Default 0. */
  seed?: number;
  /** Default "cpu". */
  device?: string;
}

export interface LinearProbeResult extends Evaluation {
  /** What the held-out part of the train split picked, and the accuracy there. */
  picked: Candidate & { heldOutAccuracy: number };
}

interface Candidate {
  learningRate: number;
  weightDecay: number;
}

const batchSize = 256;
const leastSteps = 1000;
const learningRates = [30, 10, 3, 1, 0.3, 0.1];
const weightDecays = [0, 1e-4, 1e-3];
const candidates: readonly Candidate[] = learningRates.flatMap((learningRate) =>
  weightDecays.map((weightDecay) => ({ learningRate, weightDecay })),
);

/**
 * The protocol linear-v1: one linear layer on cached features, no augmentation.
 *
 * Features are standardised with the train split's mean and standard deviation and divided by √D, so that rows have length 1 on
 * average and rates mean the same for every D. Weights start at N(0, 0.01), biases at 0; SGD
 * with momentum 0.9, batches of 256, cosine to 0 in every step. Rate and decay are picked from 6 x 3 on a keyed fifth of the
 * train split's labels; the picked pair is trained again on the whole train split, and the last step is measured, once. Test
 * labels choose nothing.
 */
export function linearProbe(bank: Features, queries: Features, options: LinearProbeOptions = {}): LinearProbeResult {
  const { epochs = 100, seed = 0, device = "cpu" } = options;
  if (!Number.isInteger(epochs) || epochs < 1)
    throw new SelfsightError(
      "configuration",
      `linear: ${epochs} epochs; a whole number from 1 is needed; 100 is usual`,
    );
  const task = labelledTask(bank, queries);
  return noGrad(() =>
    scope(() => {
      const { head, standardize, picked } = fitted(bank, task, { epochs, seed, device });
      const predictions = answers(standardize(featureTensor(queries, device)), head).select(1, 0);
      const found = score(task, predictions.to("int32").data() as Int32Array);
      return { protocol: protocolOf(options), ...found, notes: notesOn(picked), picked };
    }),
  );
}

/** The head of the rate and decay that are picked, on standardised features. */
function fitted(bank: Features, task: LabelledTask, { epochs, seed, device }: Required<LinearProbeOptions>) {
  const train = { inputs: featureTensor(bank, device), labels: task.bankLabels };
  const standardize = standardizer(train.inputs);
  const own = { ...train, inputs: standardize(train.inputs) }; // [N, D]
  const training = { classes: task.classes.length, epochs, seed };
  const picked = pick(own, training, task);
  return { head: trainHeads(own, [picked], training), standardize, picked };
}

/**
 * The layer that `linearProbe` would measure, for features that come later: classes are the largest of rows W + b, the standardisation
 * folded in. Weights [D + 1, C], the last row the biases.
 */
export function probeLayer(bank: Features, task: LabelledTask, options: LinearProbeOptions = {}): Float32Array {
  const { epochs = 100, seed = 0, device = "cpu" } = options;
  return noGrad(() =>
    scope(() => {
      const { head, standardize } = fitted(bank, task, { epochs, seed, device });
      const { weights } = head; // [D + 1, C]
      const origin = standardize(zeros([1, bank.dimensions], { device })); // [1, D]
      const slopes = standardize(ones([1, bank.dimensions], { device })).sub(origin); // [1, D]
      const own = weights.narrow(0, 0, bank.dimensions); // [D, C]
      const biases = origin.matmul(own).add(weights.narrow(0, bank.dimensions, 1)); // [1, C]
      return cat([own.mul(slopes.T), biases]).float32();
    }),
  );
}

const protocolOf = ({ epochs = 100, seed = 0 }: LinearProbeOptions) =>
  `linear-v1 ${epochs} epochs${seed === 0 ? "" : `, seed ${seed}`}`;

function notesOn({ learningRate }: Candidate): string[] {
  const isAtEdge = learningRate === learningRates[0] || learningRate === learningRates.at(-1);
  return isAtEdge ? [`the picked learning rate ${learningRate} is the last of those tried`] : [];
}

/** Zero mean and variance 1 / D of each feature, after the bank's statistics; what does not vary becomes 0. */
function standardizer(bank: Tensor): (features: Tensor) => Tensor {
  const mean = bank.mean({ dim: 0, keepDim: true }); // [1, D]
  const std = bank.std({ dim: 0, keepDim: true, unbiased: false }); // [1, D]
  const scale = std.clamp({ min: 1e-6 }).mul(Math.sqrt(bank.size(1)));
  return (features) => features.sub(mean).div_(scale);
}

interface Labelled {
  inputs: Tensor; // [N, D]
  labels: Int32Array; // [N]
}

interface Training {
  classes: number;
  epochs: number;
  seed: number;
}

/** The best of all candidates on the held-out part; equal accuracies are told apart by cross-entropy. */
function pick({ inputs, labels }: Labelled, training: Training, { bank }: LabelledTask): LinearProbeResult["picked"] {
  const { kept, held } = stratifiedHoldOut(labels, { seed: training.seed });
  if (held.length === 0)
    throw new SelfsightError(
      "data",
      `linear: no class of ${bank.dataset} has two train images; one of each class is held out to pick the learning rate; add images`,
    );
  return scope(() => {
    const heads = trainHeads(rowsAt({ inputs, labels }, kept), candidates, training);
    return bestOf(rowsAt({ inputs, labels }, held), heads);
  });
}

const rowsAt = ({ inputs, labels }: Labelled, places: Uint32Array): Labelled => ({
  inputs: inputs.indexSelect(0, indexTensor(places, inputs.device)),
  labels: labelsAt(labels, places),
});

const labelsAt = (labels: Int32Array, places: Uint32Array): Int32Array =>
  Int32Array.from(places, (place) => labels[place]!);

function bestOf({ inputs, labels }: Labelled, heads: Heads): LinearProbeResult["picked"] {
  const wanted = indexTensor(labels, inputs.device).unsqueeze(1); // [N, 1]
  const isRight = answers(inputs, heads).eq(wanted); // [N, G]
  const accuracies = isRight.to("float32").mean({ dim: 0 }).float32(); // [G]
  const losses = crossEntropy(inputs, wanted, heads).float32(); // [G]
  const ranked = candidates.map((candidate, g) => ({ candidate, accuracy: accuracies[g]!, loss: losses[g]! }));
  const sound = ranked.filter(({ loss }) => Number.isFinite(loss));
  sound.sort((a, b) => b.accuracy - a.accuracy || a.loss - b.loss);
  if (sound[0] === undefined)
    throw new SelfsightError(
      "numerics",
      "linear: every learning rate diverged; finite losses are needed; check the features",
    );
  return { ...sound[0].candidate, heldOutAccuracy: sound[0].accuracy };
}

/** G linear layers in one table, so that one product serves them all. */
interface Heads {
  weights: Tensor; // [D + 1, G C], the last row the biases
  count: number;
}

const logitsOf = (inputs: Tensor, { weights, count }: Heads): Tensor =>
  withOnes(inputs)
    .matmul(weights)
    .reshape(inputs.size(0), count, weights.size(1) / count); // [B, G, C]

/** Logits that are held at once, 256 MB: those of 256,000 rows, 1,000 classes and all heads would be 18 GB. */
const mostLogits = 2 ** 26;

/** What `body` finds of the rows, a few at a time, one under the other. */
function overRows(inputs: Tensor, { weights }: Heads, body: (start: number, length: number) => Tensor): Tensor {
  const length = Math.max(1, Math.floor(mostLogits / weights.size(1)));
  const starts = Array.from({ length: Math.ceil(inputs.size(0) / length) }, (_, i) => i * length);
  return scope(() => cat(starts.map((start) => scope(() => body(start, Math.min(length, inputs.size(0) - start))))));
}

/** The class that each head gives to each row, [B, G]. */
const answers = (inputs: Tensor, heads: Heads): Tensor =>
  overRows(inputs, heads, (start, length) => logitsOf(inputs.narrow(0, start, length), heads).argmax(2));

/** Mean cross-entropy of each head, [G]; `wanted` [B, 1]. */
const crossEntropy = (inputs: Tensor, wanted: Tensor, heads: Heads): Tensor =>
  overRows(inputs, heads, (start, length) => {
    const places = wanted.narrow(0, start, length).unsqueeze(1).expand(length, heads.count, 1); // [B, G, 1]
    return logitsOf(inputs.narrow(0, start, length), heads)
      .logSoftmax(2)
      .gather(2, places)
      .squeeze(2);
  })
    .mean({ dim: 0 })
    .neg();

/**
 * Trains one head for each candidate, all on the same batches and from the same first weights: μ ← 0.9 μ + slope + wd W,
 * W ← W − rate μ, each head with its own rate and decay; biases do not decay.
 */
export function trainHeads(data: Labelled, chosen: readonly Candidate[], { classes, epochs, seed }: Training): Heads {
  return scope(() => {
    const { device } = data.inputs;
    const perHead = (value: (candidate: Candidate) => number) =>
      tensor(
        Float32Array.from({ length: chosen.length * classes }, (_, i) => value(chosen[Math.floor(i / classes)]!)),
        [1, chosen.length * classes],
        { device },
      );
    const first = firstWeights(classes, data.inputs.size(1), seed);
    const weights = cat(
      chosen.map(() => tensor(first, [first.length / classes, classes], { device })),
      1,
    ); // [D + 1, G C]
    const decay = perHead(({ weightDecay }) => weightDecay)
      .expand(...weights.shape)
      .clone(); // [D + 1, G C]
    decay.select(0, -1).zero_();
    const rates = perHead(({ learningRate }) => learningRate);
    const count = chosen.length;
    const byClass = (table: Tensor) => exchanged(table, count, classes).T.contiguous();
    const learned = byClass(weights);
    descend(data, learned, { decay: byClass(decay), rates: byClass(rates), count, classes, epochs, seed });
    return { weights: exchanged(learned.T, classes, count), count };
  });
}

/** The columns [rows, A B] as [rows, B A]: those of one B beside each other. */
const exchanged = (table: Tensor, a: number, b: number): Tensor =>
  table
    .reshape(table.size(0), a, b)
    .transpose(1, 2)
    .contiguous()
    .reshape(table.size(0), a * b);

interface Descent extends Training {
  /** Heads, G. */
  count: number;
  rates: Tensor; // [C G, 1]
  decay: Tensor; // [C G, D + 1]
}

/**
 * `weights` [C G, D + 1], the heads of a class beside each other: libtorch's softmax is ten times as fast over a dimension that is not the
 * last, and its products are twice as fast where the longer side comes last.
 */
function descend(data: Labelled, weights: Tensor, { count, rates, decay, classes, epochs, seed }: Descent): void {
  const { inputs, labels } = data;
  const table = { rows: withOnes(inputs), hot: oneHot(labels, classes, inputs.device) }; // [N, D + 1], [N, C]
  const momentum = weights.zerosLike();
  const perEpoch = Math.ceil(labels.length / batchSize);
  const totalSteps = Math.max(epochs * perEpoch, leastSteps);
  const factorAt = (step: number) => warmupCosine(step, { totalSteps, warmupSteps: 0, floor: 0 });
  const shape = count === 1 ? [classes] : [classes, count];
  const learn = (step: number, places: Tensor) => {
    const batch = table.rows.indexSelect(0, places); // [B, D + 1]
    const hot = table.hot.indexSelect(0, places); // [B, C]
    const length = places.numel;
    const logits = op.linear(batch, weights).reshape(length, ...shape); // [B, C, G]
    const shares = logits.softmax(1);
    const errors = shares.sub_(count === 1 ? hot : hot.unsqueeze(2)).reshape(length, classes * count); // [B, C G]
    op.addmm_(momentum, errors.T, batch, 0.9, 1 / length);
    momentum.addcmul_(decay, weights);
    weights.addcmul_(momentum, rates, { value: -factorAt(step) });
  };
  for (let first = 0; first < totalSteps; first += perEpoch)
    scope(() => {
      const order = indexTensor(keyedPermutation(labels.length, seed, orderKey, first / perEpoch), inputs.device); // [N]
      for (let step = first; step < Math.min(first + perEpoch, totalSteps); step++) {
        const start = (step - first) * batchSize;
        scope(() => learn(step, order.narrow(0, start, Math.min(batchSize, labels.length - start))));
      }
    });
}

const orderKey = 0x6c696e;
const weightKey = 0x77696e;

/** Weights N(0, 0.01) and biases 0, [D + 1, C], from a keyed stream (Box and Muller): the same on every device. */
export function firstWeights(classes: number, features: number, seed: number): Float32Array {
  const random = keyedStream(seed, weightKey);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const isBias = (place: number) => place >= features * classes;
  return Float32Array.from({ length: (features + 1) * classes }, (_, i) => (isBias(i) ? 0 : 0.01 * normal()));
}
