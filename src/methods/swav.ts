// N images (global batch), V crops, D embedding features, K prototypes, Q queued embeddings.  SwAV, arXiv 2006.09882
import { z } from "zod";
import { Linear, projector } from "../nn/index.ts";
import { cat, noGrad, scope, type Tensor } from "../torch/index.ts";
import { type Backbone, defineMethod, type MethodLoss, type StepContext } from "./method.ts";
import { EmbeddingQueue, inFloat32, lastWidth, normalized, projectorWidths, temperature, widthsOf } from "./parts.ts";
import { swavViews } from "./views.ts";

export interface CodeOptions {
  /** Whether the codes use all prototypes equally. Default true; without it one prototype may take all. */
  sinkhorn?: boolean;
  /** Smoothness of the codes; smaller is sharper. */
  epsilon: number;
  /** Rounds of Sinkhorn-Knopp. */
  iterations: number;
}

export interface SwavLossOptions extends CodeOptions {
  temperature: number;
  /** Scores of queued embeddings, one [Q, K] for each of the two full crops: they take part in making the codes only. */
  queued?: readonly Tensor[];
}

/**
 * Soft assignments of samples to prototypes that use every prototype equally over the batch (eq. 3, 4; Sinkhorn-Knopp).
 *
 * Q = diag(u) exp(S/ε) diag(v), each prototype's column made to sum to N/K and each sample's row to 1, in turns; the rows have the
 * last word. Scores [N, K] in, codes [N, K] out, without gradient. In logarithms, so that no ε overflows.
 */
export function sinkhornCodes(scores: Tensor, { epsilon, iterations }: CodeOptions): Tensor {
  return noGrad(() =>
    scope(() => {
      let logCodes = scores.to("float32").div(epsilon); // [N, K]
      for (let round = 0; round < iterations; round++) {
        logCodes = logCodes.sub(logCodes.logSumExp({ dim: 0, keepDim: true })); // each prototype
        logCodes = logCodes.sub(logCodes.logSumExp({ dim: 1, keepDim: true })); // each sample
      }
      return logCodes.exp();
    }),
  );
}

/**
 * Every crop should predict the prototypes to which the full crops of its image were assigned.
 *
 * loss = mean over the full crops i of the mean over the other crops v of −mean Σₖ Qᵢₖ log softmax(Sᵥ/τ)ₖ (eq. 1, 2, 6). Scores:
 * the cosines with the prototypes, V x [N, K], the two full crops first; computed in float32. The codes Q carry no gradient.
 */
export function swavLoss(
  scores: readonly Tensor[],
  { temperature, queued = [], ...options }: SwavLossOptions,
): MethodLoss {
  return inFloat32(scores, (...wide) => {
    const logs = wide.map((score) => score.div(temperature).logSoftmax(1)); // V x [N, K]
    const terms = wide.slice(0, 2).flatMap((own, i) => {
      const codes = codesOf(own, queued[i], options); // [N, K]
      return logs.filter((_, v) => v !== i).map((log) => codes.mul(log).sum({ dim: 1 }).mean().neg());
    });
    return { loss: terms.reduce((sum, term) => sum.add(term)).div(terms.length), metrics: {} };
  });
}

function codesOf(scores: Tensor, queued: Tensor | undefined, options: CodeOptions): Tensor {
  if (options.sinkhorn === false) return scores.detach().div(options.epsilon).softmax(1);
  if (!queued) return sinkhornCodes(scores, options);
  return sinkhornCodes(cat([queued, scores.detach()]), options).narrow(0, queued.size(0), scores.size(0));
}

/** Crops of one size stand together and go through the trunk in one pass, so batch norm sees all of them. */
function representBySize(views: readonly Tensor[], trunk: Backbone): Tensor[] {
  const ends = views.flatMap((view, i) => (view.size(2) === views[i + 1]?.size(2) ? [] : [i + 1]));
  return ends.flatMap((end, i) => {
    const group = views.slice(ends[i - 1] ?? 0, end);
    return split(trunk.forward(cat(group)), group.length);
  });
}

const split = (rows: Tensor, parts: number): Tensor[] =>
  Array.from({ length: parts }, (_, i) => rows.narrow(0, (i * rows.size(0)) / parts, rows.size(0) / parts));

export const swav = defineMethod({
  name: "swav",
  title: "SwAV",
  paper: "2006.09882",
  smallestBatch: () => 2, // equal use of the prototypes has no meaning for one image
  couplesImages: true,
  takesMoreViews: true,
  options: z.strictObject({
    projector: projectorWidths.default("2048-128"),
    prototypes: z.number().int().min(2).max(1_000_000).default(3000).describe("directions that images are assigned to"),
    temperature: temperature.default(0.1),
    epsilon: z.number().positive().max(10).default(0.05).describe("smoothness of the codes; smaller is sharper"),
    iterations: z.number().int().positive().max(100).default(3).describe("rounds of Sinkhorn-Knopp"),
    sinkhorn: z
      .boolean()
      .default(true)
      .describe("whether codes are made to use all prototypes equally; without it the network collapses"),
    freezePrototypesEpochs: z
      .number()
      .nonnegative()
      .default(1)
      .describe("epochs in which the prototypes stay as they are"),
    queueLength: z
      .number()
      .int()
      .nonnegative()
      .max(1_000_000)
      .default(0)
      .describe("earlier embeddings that help to make the codes of a small batch; 0: none"),
    queueFromEpoch: z.number().nonnegative().default(15).describe("epoch from which they help"),
  }),
  steerable: ["temperature", "epsilon", "iterations", "freezePrototypesEpochs"],
  defaults: {
    warmupEpochs: 0,
    floor: 0.001,
    zeroInitResidual: false,
    optimizer: { name: "lars", learningRate: 0.6, weightDecay: 1e-6, decaysBiases: true, adaptsBiases: true },
  },
  views: (size) => swavViews({ size }),
  build(backbone, options) {
    const head = projector(backbone.outputSize, widthsOf(options.projector), { bias: true });
    const prototypes = new Linear(lastWidth(options.projector), options.prototypes, { bias: false });
    const normalizePrototypes = () => noGrad(() => scope(() => prototypes.weight.copy_(normalized(prototypes.weight))));
    normalizePrototypes();
    const { queueLength, queueFromEpoch } = options;
    const queues =
      queueLength > 0 ? [0, 1].map(() => new EmbeddingQueue(queueLength, lastWidth(options.projector))) : [];
    const fillingSteps = ({ step, stepsPerEpoch }: StepContext) => step - Math.round(queueFromEpoch * stepsPerEpoch);
    const isFull = (context: StepContext, batchSize: number) => fillingSteps(context) * batchSize >= queueLength;
    const isFrozen = ({ step, stepsPerEpoch }: StepContext) =>
      step < Math.round(options.freezePrototypesEpochs * stepsPerEpoch);
    const score = (rows: Tensor, weight: Tensor) => rows.matmul(weight.T); // cosines [N, K]
    return {
      trainable: { backbone, projector: head, prototypes },
      readByLoss: ["prototypes"],
      ...(queues.length > 0 && { frozen: { queueA: queues[0]!, queueB: queues[1]! } }),
      batchNormImages: (images) => 2 * images, // of the full crops
      represent: (views) => representBySize(views, backbone),
      embed: (representations) => split(head.forward(cat(representations)), representations.length), // V x [N, D]
      loss: (embeddings, context) =>
        inFloat32([prototypes.weight, ...embeddings], (weight, ...wide) => {
          const helping = isFull(context, wide[0]!.size(0)) ? queues : [];
          const queued = noGrad(() => helping.map(({ rows }) => score(rows, weight!)));
          return swavLoss(
            wide.map((rows) => score(normalized(rows), weight!)),
            { ...options, queued },
          );
        }),
      assignments: ([first]) =>
        inFloat32([first!, prototypes.weight], (rows, weight) => score(normalized(rows!), weight!)),
      phase: (context, batchSize) => [isFrozen(context), fillingSteps(context) >= 0, isFull(context, batchSize)].join(),
      beforeUpdate(context) {
        if (isFrozen(context)) prototypes.weight.clearGrad();
      },
      afterUpdate(context, embeddings) {
        normalizePrototypes();
        if (fillingSteps(context) < 0) return;
        for (const [i, queue] of queues.entries()) queue.push(embeddings[i]!);
      },
    };
  },
});
