// N images in the batch, V views, H height, W width
import { makeViews } from "../augment/index.ts";
import type { Batch } from "../data/index.ts";
import { SelfsightError } from "../errors.ts";
import { representationStatistics } from "../nn/index.ts";
import { autocast, scope, type Tensor, tensor } from "../torch/index.ts";
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
    const { settings, method, optimizer, device } = state;
    const context = contextOf(state, labelsOf(batch, device));
    const views = makeViews(batch, settings.views, { seed: settings.seed, device }); // V x [N, 3, H, W]
    const embeddings = withPrecision(state, () => method.embed(views, context)); // each [N, D]
    const { loss, metrics } = method.loss(embeddings, context); // []
    const factor = scheduleFactor(state);
    const result = {
      loss: loss.item(),
      ...numbersOf(metrics),
      ...(isWatching(state) ? representationStatistics(embeddings[0]!) : {}),
      learningRate: optimizer.groups[0]!.learningRate * factor,
    };
    if (!Number.isFinite(result.loss)) throw notFinite(state, result);
    loss.backward();
    method.beforeUpdate?.(context);
    optimizer.step(factor);
    optimizer.clearGradients();
    method.afterUpdate?.(context);
    state.step += 1;
    return result;
  });
}

/** The networks compute in the run's precision; losses do not. */
const withPrecision = <T>({ precision, device }: TrainState, body: () => T): T =>
  autocast({ dtype: dtypes[precision], device: device.split(":")[0]! }, body);

const dtypes = { bf16: "bfloat16", fp32: "float32" } as const;

const labelsOf = ({ labels }: Batch, device: string): Tensor | undefined =>
  labels && tensor(labels, [labels.length], { device }).to("int64"); // [N]

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
