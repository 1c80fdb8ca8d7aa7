// N images (global batch), D embedding features.  SimCLR, arXiv 2002.05709
import { z } from "zod";
import { projector } from "../nn/index.ts";
import { arange, cat, noGrad, scope, type Tensor } from "../torch/index.ts";
import { defineMethod, expectPair, type MethodLoss } from "./method.ts";
import {
  cosines,
  inFloat32,
  normalized,
  pairSimilarities,
  projectorWidths,
  temperature,
  widthsOf,
  withGradients,
} from "./parts.ts";
import { simclrViews } from "./views.ts";

/** NT-Xent without its negatives: −mean(s(a, p)) / τ. All embeddings in one point have the least loss; for showing just that. */
export function attractionLoss(zA: Tensor, zB: Tensor, options: { temperature: number }): MethodLoss {
  expectPair("attractionLoss", zA, zB);
  const loss = inFloat32([zA, zB], (a, b) => cosines(a!, b!).mean().div(-options.temperature));
  return { loss, metrics: {} };
}

/**
 * NT-Xent: each view should be nearer to the other view of its image than to the 2N − 2 views of other images.
 *
 * loss = mean over the 2N anchors a of −log( exp(s(a, p)/τ) / Σ_{k ≠ a} exp(s(a, k)/τ) ), s the cosine, p the other view (eq. 1;
 * the official code adds the two views' means, twice this value). zA, zB [N, D], N at least 2, any float type, computed in
 * float32; returns the loss [] with gradients to both, and the share of anchors whose nearest view is the right one.
 *
 * The gradient is written out, so that one 2N x 2N buffer serves as similarities and then as probabilities.
 */
export function ntXentLoss(zA: Tensor, zB: Tensor, options: { temperature: number }): MethodLoss {
  expectPair("ntXentLoss", zA, zB, 2);
  return inFloat32([zA, zB], (a, b) => {
    const z = normalized(cat([a!, b!])); // [2N, D]
    const { loss, gradient, accuracy } = scope(() => noGrad(() => lossAndGradient(z, options.temperature)));
    return { loss: withGradients(loss, [z, gradient]), metrics: { contrastiveAccuracy: accuracy } };
  });
}

function lossAndGradient(z: Tensor, temperature: number) {
  const [anchors, half] = [z.size(0), z.size(0) / 2];
  const partners = cat([z.narrow(0, half, half), z.narrow(0, 0, half)]); // [2N, D]
  const logits = z.matmul(z.T).mul_(1 / temperature); // [2N, 2N]
  logits.diagonal().fill_(Number.NEGATIVE_INFINITY); // an anchor is not its own negative
  const positives = z.mul(partners).sum({ dim: 1 }).div(temperature); // [2N]
  const nearest = logits.argmax(1); // [2N]
  const right = arange(anchors, { dtype: "int64", device: z.device }).add(half).remainder(anchors); // [2N]
  const logSum = logits.logSumExp({ dim: 1, keepDim: true }); // [2N, 1]
  const probabilities = logits.sub_(logSum).exp_(); // dL/dlogits 2N, but for −1 at the partners
  const pulls = probabilities.matmul(z).add_(probabilities.T.matmul(z)).sub_(partners, { alpha: 2 }); // [2N, D]
  return {
    loss: logSum.squeeze(1).sub(positives).mean(),
    gradient: pulls.mul_(1 / (anchors * temperature)),
    accuracy: nearest.eq(right).to("float32").mean(),
  };
}

export const simclr = defineMethod({
  name: "simclr",
  title: "SimCLR",
  paper: "2002.05709",
  smallestBatch: () => 2, // one image has no negatives
  couplesImages: true,
  options: z.strictObject({
    temperature: temperature.default(0.1),
    projector: projectorWidths.default("2048-128"),
    projectorNorm: z
      .boolean()
      .default(true)
      .describe("whether the projector has batch norm; without it its layers have biases, as in solo-learn"),
    negatives: z.boolean().default(true).describe("whether other images push away; without them the network collapses"),
  }),
  steerable: ["temperature"],
  defaults: {
    warmupEpochs: 10,
    floor: 0,
    optimizer: { name: "lars", learningRate: 0.075, batchRule: "sqrt", weightDecay: 1e-6 }, // table B.1; 0.3 x 16 at 4096
  },
  views: (size) => simclrViews({ size }),
  floor: ({ negatives, temperature }) => (negatives ? 0 : -1 / temperature),
  build(backbone, options) {
    const { projector: widths, projectorNorm, negatives } = options;
    const lossOf = negatives ? ntXentLoss : attractionLoss;
    const norms = projectorNorm ? ({ lastNorm: "scale" } as const) : { batchNorm: false, bias: true };
    const head = projector(backbone.outputSize, widthsOf(widths), norms);
    return {
      trainable: { backbone, projector: head },
      represent: (views) => views.map((view) => backbone.forward(view)),
      embed: (representations) => representations.map((representation) => head.forward(representation)), // 2 x [N, D]
      loss: ([zA, zB]) => lossOf(zA!, zB!, options),
      similarities: ([zA, zB]) => pairSimilarities(zA!, zB!),
    };
  },
});
