// N images in the batch, n of them in this process, V views, R features of the trunk, D features of an embedding
import type { PlacedBatch } from "../augment/index.ts";
import { SelfsightError } from "../errors.ts";
import type { StepContext } from "../methods/index.ts";
import { lateRecognition, lateStatistics } from "../nn/index.ts";
import { type Late, late, noGrad, scope, type Tensor, tensor } from "../torch/index.ts";
import { finishGradients, ofAllProcesses, withOwnPlaces } from "./all-processes.ts";
import { type Represented, representBatch, representViews, wholeBatch, withPrecision } from "./micro-batch.ts";
import { learnOnline, onlineLabels } from "./online/learn.ts";
import { methodOf } from "./settings/settings.ts";
import { contextOf, scheduleFactor, type TrainState } from "./state.ts";

/** What a step has to say: the loss and its parts, and the rate that it was taken with. */
export interface StepResult {
  loss: number;
  learningRate: number;
  [metric: string]: number;
}

/** One step and its numbers: `enqueueStep`, read at once. */
export const trainStep = (state: TrainState, batch: PlacedBatch): StepResult => enqueueStep(state, batch).read();

/**
 * One step, start to end: views, loss, gradients, update. Nothing of it is read: a GPU gets its next step while it computes this one.
 * A loss that is not finite changes no learned weight, nor does a step after it; reading it says so, and the state then stands as before.
 * Everything random in it is keyed by (seed, epoch, sample, view), so the step is a function of the state and the batch.
 */
export function enqueueStep(state: TrainState, batch: PlacedBatch): Late<StepResult> {
  return scope(() => {
    const context = contextOf(state, labelsOf(state, batch));
    const online = onlineLabels(state, batch);
    return withOwnPlaces(state, () => learn(state, representBatch(state, batch, context), context, online));
  });
}

/** The same step on views that are made already, V x [n, 3, S, S], and the classes of the whole batch [N]: what is left of it without the pictures. */
export function enqueueStepOnViews(state: TrainState, views: readonly Tensor[], labels?: Tensor): Late<StepResult> {
  return scope(() => {
    const context = contextOf(state, labels);
    return withOwnPlaces(state, () => {
      const representations = representViews(state, views, context); // V x [n, R]
      return learn(state, wholeBatch(state, representations), context);
    });
  });
}

/** `enqueueStepOnViews`, read at once. */
export const trainStepOnViews = (state: TrainState, views: readonly Tensor[], labels?: Tensor): StepResult =>
  enqueueStepOnViews(state, views, labels).read();

/** Behind the trunk: heads, loss, gradients, update. */
function learn(
  state: TrainState,
  { representations, backward }: Represented,
  context: StepContext,
  online?: Tensor,
): Late<StepResult> {
  const { method, optimizer, clock } = state;
  const { updates } = optimizer.counters;
  const own = withPrecision(state, () => method.embed(representations, context)); // each [n, D]
  const embeddings = own.map((rows) => ofAllProcesses(state, rows)); // each [N, D]
  clock?.enter("loss");
  const { loss, metrics } = method.loss(embeddings, context); // []
  const factor = scheduleFactor(state);
  const health = isWatching(state) ? healthOf(state, representations, embeddings) : undefined;
  const numbers = numbersOf({ loss, ...metrics }, health, optimizer.groups[0]!.learningRate * factor);
  clock?.enter(undefined); // who looks on is no part of a step
  state.observer?.look({ step: state.step, every: state.settings.observeEverySteps, method, embeddings });
  clock?.enter("backward");
  backward(loss);
  finishGradients(state);
  clock?.enter("update");
  method.beforeUpdate?.(context);
  optimizer.step(factor, loss);
  optimizer.clearGradients();
  method.afterUpdate?.(context, embeddings);
  if (online) learnOnline(state, { features: representations[0]!, labels: online, loss, factor });
  clock?.enter(undefined);
  state.step += 1;
  return { read: () => finite(numbers.read(), () => takeBack(state, context.step, updates)) };
}

/** A batch's embeddings as the method's loss sees them, each [N, D]; nothing is learned, but running statistics move. */
export function embedBatch(state: TrainState, batch: PlacedBatch): Tensor[] {
  const context = contextOf(state, labelsOf(state, batch));
  const { representations } = representBatch(state, batch, context); // V x [N, R]
  return withPrecision(state, () => state.method.embed(representations, context));
}

const labelsOf = (state: TrainState, { labels }: Pick<PlacedBatch, "labels">): Tensor | undefined =>
  labels && ofAllProcesses(state, tensor(labels, [labels.length], { device: state.device }).to("int64")); // [N]

/** What the collapse watch looks at: the embeddings' spread, and whether the trunk's features of two views find each other. */
function healthOf(state: TrainState, [a, b]: readonly Tensor[], [embeddings]: readonly Tensor[]) {
  const statistics = lateStatistics(embeddings!, methodOf(state.settings));
  const ofAll = (rows: Tensor) => noGrad(() => ofAllProcesses(state, rows));
  const recognition = b && lateRecognition(ofAll(a!), ofAll(b));
  return { read: () => ({ ...statistics.read(), ...(recognition && { recognition: recognition.read() }) }) };
}

const isWatching = ({ settings, step }: TrainState): boolean =>
  settings.watchEverySteps > 0 && step % settings.watchEverySteps === 0;

type Terms = Record<string, Tensor> & { loss: Tensor };

function numbersOf(terms: Terms, health: Late<Record<string, number>> | undefined, learningRate: number) {
  const names = Object.keys(terms);
  return late(Object.values(terms), (...copies): StepResult => {
    const values = Object.fromEntries(names.map((name, i) => [name, copies[i]!.item()])) as Record<"loss", number>;
    return { ...values, ...health?.read(), learningRate };
  });
}

function finite(result: StepResult, takeBack: () => number): StepResult {
  if (Number.isFinite(result.loss)) return result;
  throw notFinite(takeBack(), result);
}

/** The device changed no weight in this step and since; here the counts follow, and the next step may change them again. */
function takeBack(state: TrainState, step: number, updates: number): number {
  state.step = step;
  state.optimizer.counters.updates = updates;
  state.optimizer.halted.zero_();
  state.onlineLinear?.optimizer.halted.zero_();
  return step;
}

function notFinite(step: number, result: StepResult): SelfsightError {
  const terms = Object.entries(result).map(([name, value]) => `${name} ${value}`);
  return new SelfsightError(
    "numerics",
    `step ${step}: ${terms.join(", ")}; a finite loss is needed; the weights are as before this step; lower optimizer.learningRate, lengthen warmupEpochs, or use --precision fp32`,
  );
}
