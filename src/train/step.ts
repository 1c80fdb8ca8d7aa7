// N images in the batch, n of them in this process, V views, R features of the trunk, D features of an embedding
import type { PlacedBatch } from "../augment/index.ts";
import { SelfsightError } from "../errors.ts";
import type { StepContext } from "../methods/index.ts";
import { lateRecognition, lateStatistics } from "../nn/index.ts";
import { type Late, late, noGrad, scope, type Tensor, tensor } from "../torch/index.ts";
import { finishGradients, ofAllProcesses, withOwnPlaces } from "./all-processes.ts";
import type { StepInputs, Terms } from "./graph/step-graphs.ts";
import { type Represented, representBatch, representViews, viewsOf, wholeBatch, withPrecision } from "./micro-batch.ts";
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
    const labels = labelsOf(state, batch);
    const online = onlineLabels(state, batch);
    if (isByGraph(state)) return stepByGraph(state, { views: viewsOf(state, batch), labels, online });
    const context = looseContext(state, labels);
    return withOwnPlaces(state, () => learn(state, representBatch(state, batch, context), context, online));
  });
}

/** The same step on views that are made already, V x [n, 3, S, S], and the classes of the whole batch [N]: what is left of it without the pictures. */
export function enqueueStepOnViews(state: TrainState, views: readonly Tensor[], labels?: Tensor): Late<StepResult> {
  return scope(() => {
    if (isByGraph(state)) return stepByGraph(state, { views, labels });
    const context = looseContext(state, labels);
    return withOwnPlaces(state, () => {
      const representations = representViews(state, views, context); // V x [n, R]
      return learn(state, wholeBatch(state, representations), context);
    });
  });
}

/** `enqueueStepOnViews`, read at once. */
export const trainStepOnViews = (state: TrainState, views: readonly Tensor[], labels?: Tensor): StepResult =>
  enqueueStepOnViews(state, views, labels).read();

/** Behind the trunk: heads, loss, gradients, update; and whoever looks on. */
function learn(state: TrainState, represented: Represented, context: StepContext, online?: Tensor): Late<StepResult> {
  const { method, clock } = state;
  const before = placeOf(state);
  const computed = lossOf(state, represented.representations, context);
  const health = isWatching(state) ? healthOf(state, represented.representations, computed.embeddings) : undefined;
  const numbers = numbersOf(computed.terms, health, before.learningRate); // on their way while the device goes on
  clock?.enter(undefined); // who looks on is no part of a step
  state.observer?.look({ ...sightOf(state), method, embeddings: computed.embeddings });
  descend(state, represented, computed, { context, online });
  state.step += 1;
  return { read: () => finite(numbers.read(), () => takeBack(state, before)) };
}

/** What a step changes beside tensors, as it was before it. */
const placeOf = (state: TrainState) => ({
  step: state.step,
  updates: state.optimizer.counters.updates,
  learningRate: state.optimizer.groups[0]!.learningRate * scheduleFactor(state),
});

interface Computed {
  embeddings: Tensor[]; // each [N, D]
  terms: Terms;
}

function lossOf(state: TrainState, representations: readonly Tensor[], context: StepContext): Computed {
  const { method, clock } = state;
  const own = withPrecision(state, () => method.embed(representations, context)); // each [n, D]
  const embeddings = own.map((rows) => ofAllProcesses(state, rows)); // each [N, D]
  clock?.enter("loss");
  const { loss, metrics } = method.loss(embeddings, context); // []
  return { embeddings, terms: { loss, ...metrics } };
}

/** Gradients and update. */
function descend(
  state: TrainState,
  { representations, backward }: Represented,
  { embeddings, terms: { loss } }: Computed,
  { context, online }: { context: StepContext; online: Tensor | undefined },
): void {
  const { method, optimizer, clock } = state;
  const factor = () => scheduleFactor(state);
  clock?.enter("backward");
  backward(loss);
  finishGradients(state);
  clock?.enter("update");
  method.beforeUpdate?.(context);
  optimizer.step(factor, loss, context.following);
  optimizer.clearGradients();
  method.afterUpdate?.(context, embeddings);
  if (online) learnOnline(state, { features: representations[0]!, labels: online, loss, factor, context });
  clock?.enter(undefined);
}

// ---- steps that are played back ----

/** Not where somebody looks at what only a step that is run has. */
const isByGraph = (state: TrainState): boolean =>
  state.graphs !== undefined && !isWatching(state) && !state.observer?.looksAt(sightOf(state));

const sightOf = ({ step, settings }: TrainState) => ({ step, every: settings.observeEverySteps });

/** Of a step that is run. */
function looseContext(state: TrainState, labels?: Tensor): StepContext {
  const context = contextOf(state, labels);
  return state.graphs?.loose(context) ?? context;
}

function stepByGraph(state: TrainState, inputs: StepInputs): Late<StepResult> {
  const { method, optimizer, onlineLinear, settings } = state;
  const before = placeOf(state);
  const context = contextOf(state, inputs.labels);
  const terms = state.graphs!.take(inputs, context, {
    phase: method.phase?.(context, settings.batchSize) ?? "",
    work: (given, at) => workOf(state, given, at),
    count() {
      optimizer.counters.updates += 1;
      if (onlineLinear) onlineLinear.optimizer.counters.updates += 1;
    },
  });
  const numbers = numbersOf(terms, undefined, before.learningRate);
  state.step += 1;
  return { read: () => finite(numbers.read(), () => takeBack(state, before)) };
}

/** All that a step gives its device behind the views. */
function workOf(state: TrainState, { views, online }: StepInputs, context: StepContext): Terms {
  const represented = wholeBatch(state, representViews(state, views, context));
  const computed = lossOf(state, represented.representations, context);
  descend(state, represented, computed, { context, online });
  return computed.terms;
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
function takeBack(state: TrainState, { step, updates }: { step: number; updates: number }): number {
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
