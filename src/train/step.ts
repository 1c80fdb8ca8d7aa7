// N images in the batch, V views, R features of the trunk, D features of an embedding
import type { Batch } from "../data/index.ts";
import { SelfsightError } from "../errors.ts";
import type { StepContext } from "../methods/index.ts";
import { representationStatistics, twinRecognition } from "../nn/index.ts";
import { scope, type Tensor, tensor } from "../torch/index.ts";
import { type Represented, representBatch, representViews, withPrecision } from "./micro-batch.ts";
import { methodOf } from "./settings/settings.ts";
import { contextOf, scheduleFactor, type TrainState } from "./state.ts";

/** What a step has to say: the loss and its parts, and the rate that it was taken with. */
export interface StepResult {
  loss: number;
  learningRate: number;
  [metric: string]: number;
}

/**
 * One step, start to end: views, loss, gradients, update. A loss that is not finite stops it before the weights change.
 * Everything random in it is keyed by (seed, epoch, sample, view), so the step is a function of the state and the batch.
 */
export function trainStep(state: TrainState, batch: Batch): StepResult {
  return scope(() => {
    const context = contextOf(state, labelsOf(batch, state.device));
    return learn(state, representBatch(state, batch, context), context);
  });
}

/** The same step on views that are made already, V x [N, 3, S, S], and classes [N]: what is left of it without the pictures. */
export function trainStepOnViews(state: TrainState, views: readonly Tensor[], labels?: Tensor): StepResult {
  return scope(() => {
    const context = contextOf(state, labels);
    const representations = representViews(state, views, context); // V x [N, R]
    return learn(state, { representations, backward: (loss) => loss.backward() }, context);
  });
}

/** Behind the trunk: heads, loss, gradients, update. */
function learn(state: TrainState, { representations, backward }: Represented, context: StepContext): StepResult {
  const { method, optimizer } = state;
  const embeddings = withPrecision(state, () => method.embed(representations, context)); // each [N, D]
  const { loss, metrics } = method.loss(embeddings, context); // []
  const factor = scheduleFactor(state);
  const result = {
    loss: loss.item(),
    ...numbersOf(metrics),
    ...(isWatching(state) ? healthOf(state, representations, embeddings) : {}),
    learningRate: optimizer.groups[0]!.learningRate * factor,
  };
  if (!Number.isFinite(result.loss)) throw notFinite(state, result);
  backward(loss);
  method.beforeUpdate?.(context);
  optimizer.step(factor);
  optimizer.clearGradients();
  method.afterUpdate?.(context, embeddings);
  state.step += 1;
  return result;
}

/** A batch's embeddings as the method's loss sees them, each [N, D]; nothing is learned, but running statistics move. */
export function embedBatch(state: TrainState, batch: Batch): Tensor[] {
  const context = contextOf(state, labelsOf(batch, state.device));
  const { representations } = representBatch(state, batch, context); // V x [N, R]
  return withPrecision(state, () => state.method.embed(representations, context));
}

const labelsOf = ({ labels }: Batch, device: string): Tensor | undefined =>
  labels && tensor(labels, [labels.length], { device }).to("int64"); // [N]

/** What the collapse watch looks at: the embeddings' spread, and whether the trunk's features of two views find each other. */
function healthOf({ settings }: TrainState, [a, b]: readonly Tensor[], [embeddings]: readonly Tensor[]) {
  return {
    ...representationStatistics(embeddings!, methodOf(settings)),
    ...(b && { recognition: twinRecognition(a!, b) }),
  };
}

const isWatching = ({ settings, step }: TrainState): boolean =>
  settings.watchEverySteps > 0 && step % settings.watchEverySteps === 0;

const numbersOf = (metrics: Record<string, Tensor>): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value.item()]));

function notFinite(state: TrainState, result: StepResult): SelfsightError {
  const terms = Object.entries(result).map(([name, value]) => `${name} ${value}`);
  return new SelfsightError(
    "numerics",
    `step ${state.step}: ${terms.join(", ")}; a finite loss is needed; the weights are as before this step; lower optimizer.learningRate, lengthen warmupEpochs, or use --precision fp32`,
  );
}
