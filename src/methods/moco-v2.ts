// N images (global batch), D embedding features, K rows of the queue, G groups of batch norm.  MoCo v2, arXiv 2003.04297 and 1911.05722
import { z } from "zod";
import { normalizeInGroups, placesOf, projector, withPlaces } from "../nn/index.ts";
import { keyedPermutation } from "../random.ts";
import { cat, noGrad, type Tensor, zeros } from "../torch/index.ts";
import {
  type Backbone,
  defineMethod,
  expectPair,
  type MethodLoss,
  type StepContext,
  stepNumber,
  stepRows,
} from "./method.ts";
import {
  asTeacher,
  cosines,
  crossEntropy,
  EmbeddingQueue,
  inFloat32,
  lastWidth,
  momentumAt,
  momentumOptions,
  moveTowards,
  normalized,
  projectorWidths,
  temperature,
  widthsOf,
} from "./parts.ts";
import { mocoViews } from "./views.ts";

/**
 * A query should find the key of its own image among the keys of earlier images.
 *
 * loss = mean over the images of −log( exp(q·k/τ) / (exp(q·k/τ) + Σ over the queue exp(q·kⱼ/τ)) ) (arXiv 1911.05722, eq. 1).
 * queries, keys [N, D] of any length, normalised here; queue [K, D] of unit rows; computed in float32. Gradients go to the
 * queries alone. The metric is the share of queries whose own key is the nearest.
 */
export function mocoLoss(queries: Tensor, keys: Tensor, queue: Tensor, options: { temperature: number }): MethodLoss {
  expectPair("mocoLoss", queries, keys);
  return inFloat32([queries, keys.detach(), queue], (query, key, rows) => {
    const q = normalized(query!); // [N, D]
    const positives = q.mul(normalized(key!)).sum({ dim: 1, keepDim: true }); // [N, 1]
    const logits = cat([positives, q.matmul(rows!.T)], 1).div(options.temperature); // [N, 1 + K]
    const own = zeros([q.size(0)], { dtype: "int64", device: q.device }); // the key stands first
    const accuracy = noGrad(() => logits.argmax(1).eq(0).to("float32").mean());
    return { loss: crossEntropy(logits, own), metrics: { contrastiveAccuracy: accuracy } };
  });
}

/** The same without the queue: −mean(q·k) / τ. All queries in one point have the least loss; for showing just that. */
function attractionToKeys(queries: Tensor, keys: Tensor, options: { temperature: number }): MethodLoss {
  const loss = inFloat32([queries, keys.detach()], (q, k) => cosines(q!, k!).mean().div(-options.temperature));
  return { loss, metrics: {} };
}

/** Keeps this stream apart from an epoch's order, which has the keys seed and epoch. */
const shufflesKey = 0x5bff1e;

/**
 * A pass of the trunk with the images in another order, restored behind it; the order follows from seed and step. Where batch norm works in
 * groups, a query and its key then share no statistics, by which the one could be recognised in the other (shuffle-BN, section 3.3).
 * Among several processes no image moves: each stays where it is and is normalised with the group of its place in the other order.
 */
function inShuffledOrder(images: Tensor, trunk: Backbone, context: StepContext): Tensor {
  const { own, total } = placesOf(images.size(0));
  const { places } = shuffleOf(own, total, context); // alone, this process has all places in every step
  const rows = (of: (at: StepContext) => Uint32Array) => stepRows(context, images.device, of);
  const order = rows((at) => shuffleOf(own, total, at).order); // [n]
  const back = rows((at) => inverseOf(shuffleOf(own, total, at).order)); // [n]
  const shuffled = images.indexSelect(0, order).contiguous("channels_last");
  return withPlaces({ own: places, total }, () => trunk.forward(shuffled)).indexSelect(0, back);
}

/** In which order rows that stand at `own` of `total` pass, and at which places. */
function shuffleOf(own: Uint32Array, total: number, { seed, step }: StepContext) {
  const newPlaces = inverseOf(keyedPermutation(total, seed, step, shufflesKey));
  const order = Uint32Array.from(own.keys()).sort((a, b) => newPlaces[own[a]!]! - newPlaces[own[b]!]!);
  return { order, places: order.map((row) => newPlaces[own[row]!]!) };
}

function inverseOf(order: Uint32Array): Uint32Array {
  const inverse = new Uint32Array(order.length);
  order.forEach((from, to) => {
    inverse[from] = to;
  });
  return inverse;
}

export const mocoV2 = defineMethod({
  name: "moco-v2",
  title: "MoCo v2",
  paper: "2003.04297",
  smallestBatch: ({ batchNormGroups }) => 2 * batchNormGroups, // batch norm over one image would give its query away
  options: z.strictObject({
    temperature: temperature.default(0.2),
    projector: projectorWidths.default("2048-128"),
    negatives: z
      .boolean()
      .default(true)
      .describe("whether the queue's keys push away; without them the network collapses"),
    queueLength: z.number().int().positive().max(1_000_000).default(65536).describe("keys of earlier images"),
    ...momentumOptions(0.999, 0.999),
    symmetric: z
      .boolean()
      .default(false)
      .describe("whether each view is a query for the other's key; the paper queries with the first alone"),
    batchNormGroups: z
      .number()
      .int()
      .positive()
      .max(1024)
      .default(8)
      .describe("parts in which batch norm sees the batch, in place of the paper's 8 GPUs; 1: the whole batch"),
  }),
  steerable: ["temperature", "momentum", "finalMomentum"],
  defaults: {
    warmupEpochs: 0,
    floor: 0,
    cosinePer: "epoch",
    zeroInitResidual: false,
    optimizer: { name: "sgd", learningRate: 0.03, weightDecay: 1e-4, decaysBiases: true },
  },
  views: (size) => mocoViews({ size }),
  floor: ({ negatives, temperature }) => (negatives ? 0 : -1 / temperature),
  build(backbone, options, { makeBackbone }) {
    const { projector: widths, symmetric, batchNormGroups: groups } = options;
    const makeHead = () => projector(backbone.outputSize, widthsOf(widths), { batchNorm: false, bias: true });
    const student = { backbone, projector: makeHead() };
    const teacher = asTeacher({ backbone: makeBackbone(), projector: makeHead() }, student);
    for (const trunk of [student.backbone, teacher.backbone]) normalizeInGroups(trunk, groups);
    const queue = new EmbeddingQueue(options.queueLength, lastWidth(widths));
    return {
      trainable: student,
      frozen: { teacher, queue },
      batchNormImages: (images) => Math.floor(images / groups),
      represent([a, b], context) {
        const [asked, answering] = symmetric
          ? [
              [a!, b!],
              [b!, a!],
            ]
          : [[a!], [b!]];
        const queries = asked!.map((view) => backbone.forward(view));
        const answer = (view: Tensor) =>
          groups === 1 ? teacher.backbone.forward(view) : inShuffledOrder(view, teacher.backbone, context);
        return [...queries, ...noGrad(() => answering!.map(answer))];
      },
      embed(representations) {
        const count = representations.length / 2;
        const queries = representations.slice(0, count).map((query) => student.projector.forward(query));
        const keys = noGrad(() => representations.slice(count).map((key) => teacher.projector.forward(key)));
        return [...queries, ...keys]; // each [N, D]
      },
      loss: (embeddings) =>
        meanOf(
          pairsOf(embeddings).map(([q, k]) =>
            options.negatives ? mocoLoss(q, k, queue.rows, options) : attractionToKeys(q, k, options),
          ),
        ),
      similarities: (embeddings) => {
        const [[q, k]] = pairsOf(embeddings) as [[Tensor, Tensor]];
        return inFloat32([q, k], (a, b) => ({ positives: cosines(a!, b!), negatives: queue.forward(normalized(a!)) }));
      },
      afterUpdate(context, embeddings) {
        moveTowards(
          teacher,
          student,
          stepNumber(context, (at) => momentumAt(at, options)),
        );
        for (const [, keys] of pairsOf(embeddings)) queue.push(keys);
      },
    };
  },
});

/** Queries stand before their keys. */
function pairsOf(embeddings: readonly Tensor[]): [Tensor, Tensor][] {
  const count = embeddings.length / 2;
  return embeddings.slice(0, count).map((query, i) => [query, embeddings[count + i]!]);
}

function meanOf(losses: readonly MethodLoss[]): MethodLoss {
  const mean = (values: Tensor[]) => values.reduce((sum, value) => sum.add(value)).div(values.length);
  const accuracies = losses.flatMap(({ metrics }) => metrics.contrastiveAccuracy ?? []);
  const metrics = accuracies.length > 0 ? { contrastiveAccuracy: mean(accuracies) } : {};
  return { loss: mean(losses.map(({ loss }) => loss)), metrics };
}
