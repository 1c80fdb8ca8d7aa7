// N images of the batch, M images of a micro-batch, V views, R features of the trunk
import { makeViews, type PlacedBatch, packedPart } from "../augment/index.ts";
import type { StepContext } from "../methods/index.ts";
import { namedParameters, stateOf } from "../nn/index.ts";
import {
  autocast,
  backward,
  cat,
  noGrad,
  processGroup,
  type RefusedPromise,
  scope,
  type Tensor,
} from "../torch/index.ts";
import { shareGradients } from "./all-processes.ts";
import { type TrainState, viewsAt } from "./state.ts";

/** A batch behind the trunk, and the way back through the trunk. */
export interface Represented {
  representations: Tensor[]; // V x [N, R]
  /** Gives every parameter its gradient. */
  backward(loss: Tensor): void;
}

/** Views and trunk for a whole batch, at once or in micro-batches. */
export function representBatch(state: TrainState, batch: PlacedBatch, context: StepContext): Represented {
  const { microBatch } = state.settings;
  if (microBatch === null) return wholeBatch(state, representImages(state, batch, context));
  const own = microBatch / (processGroup()?.size ?? 1); // each process gives its equal part of every micro-batch
  return representInParts(state, partsOf(batch, own), context);
}

/** The usual way: one pass back through heads and trunk. */
export const wholeBatch = (state: TrainState, representations: Tensor[]): Represented => ({
  representations,
  backward(loss) {
    shareGradients(state, "all");
    loss.backward();
  },
});

/**
 * The exact step of a large batch in the memory of a small one (the gradient cache of arXiv 2101.06983): the trunk runs over
 * the parts without recording, heads and loss see the whole batch, then the trunk runs over each part again and takes its
 * share of dL/d(representations). Loss and gradient are those of the whole batch, but that the trunk's batch norm takes its
 * statistics from each part. Running statistics move in the second pass only. Costs one forward pass of the trunk more. Among several
 * processes a part is their first images, then their second ones and so on: as many in all, and batch norm sees them together.
 */
function representInParts(state: TrainState, parts: readonly PlacedBatch[], context: StepContext): Represented {
  const cached = withBuffersKept(state, () =>
    noGrad(() => parts.map((part) => scope(() => representImages(state, part, context)))),
  );
  const views = cached[0]!.map((_, view) => cat(cached.map((part) => part[view]!)).requiresGrad_()); // V x [N, R]
  return {
    representations: views,
    backward(loss) {
      shareGradients(state, "heads");
      loss.backward();
      let start = 0;
      for (const part of parts) {
        if (part === parts.at(-1)) shareGradients(state, "all");
        scope(() => backwardPart(state, representImages(state, part, context), views, start));
        start += part.indices.length;
      }
    },
  };
}

function backwardPart(
  { clock }: TrainState,
  representations: readonly Tensor[],
  whole: readonly Tensor[],
  start: number,
): void {
  clock?.enter("backward");
  const learned = whole.flatMap(({ grad }, i) => (grad ? [{ own: representations[i]!, grad }] : [])); // a held view has none
  backward(
    learned.map(({ own }) => own),
    learned.map(({ own, grad }) => grad.narrow(0, start, own.size(0))),
  );
}

const representImages = (state: TrainState, batch: PlacedBatch, context: StepContext): Tensor[] =>
  representViews(state, viewsOf(state, batch), context);

/** The views of a batch as its epoch has them, V x [N, 3, S, S]. */
export function viewsOf(state: TrainState, batch: PlacedBatch): Tensor[] {
  state.clock?.enter("views");
  return makeViews(batch, viewsAt(state, batch.epoch), { seed: state.settings.seed, device: state.device });
}

/** Views through the trunk: V x [N, 3, S, S] to V x [N, R]. */
export function representViews(state: TrainState, views: readonly Tensor[], context: StepContext): Tensor[] {
  state.clock?.enter("forward");
  return withPrecision(state, () => state.method.represent(views, context));
}

/** The networks compute in the run's precision; losses do not. */
export const withPrecision = <T>({ precision, device }: TrainState, body: () => T, ...refused: RefusedPromise<T>): T =>
  autocast({ dtype: dtypes[precision], device: device.split(":")[0]! }, body, ...refused);

const dtypes = { bf16: "bfloat16", fp32: "float32" } as const;

/** Runs `body` and puts the buffers (running statistics) back to what they were. */
function withBuffersKept<T>({ network }: TrainState, body: () => T): T {
  const parameters = namedParameters(network);
  const buffers = [...stateOf(network)].filter(([name]) => !parameters.has(name)).map(([, tensor]) => tensor);
  const before = buffers.map((buffer) => buffer.clone());
  const result = body();
  noGrad(() => {
    buffers.forEach((buffer, i) => {
      buffer.copy_(before[i]!);
    });
  });
  return result;
}

/** A batch cut into micro-batches, in order. */
export function partsOf(batch: PlacedBatch, size: number): PlacedBatch[] {
  const count = Math.ceil(batch.indices.length / size);
  return Array.from({ length: count }, (_, i) =>
    partOf(batch, i * size, Math.min((i + 1) * size, batch.indices.length)),
  );
}

function partOf({ images, labels, indices, ...rest }: PlacedBatch, start: number, end: number): PlacedBatch {
  const part = {
    ...rest,
    indices: indices.subarray(start, end),
    ...(labels && { labels: labels.subarray(start, end) }),
  };
  if (Array.isArray(images)) return { ...part, images: images.slice(start, end) };
  if ("places" in images) return { ...part, images: packedPart(images, start, end) };
  const size = images.channels * images.height * images.width;
  return { ...part, images: { ...images, pixels: images.pixels.subarray(start * size, end * size) } };
}
