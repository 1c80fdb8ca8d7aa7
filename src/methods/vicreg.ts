// N images (global batch), D embedding features.  VICReg, arXiv 2105.04906
import { z } from "zod";
import { barlowTwinsViews } from "../augment/index.ts";
import { projector } from "../nn/index.ts";
import type { Tensor } from "../torch/index.ts";
import { defineMethod, expectPair, type MethodLoss } from "./method.ts";
import { inFloat32, projectorWidths, widthsOf } from "./parts.ts";

export interface VicregWeights {
  invariance: number;
  variance: number;
  covariance: number;
}

/**
 * Views should agree; every feature should keep a spread of at least 1; features of a view should not repeat each other.
 *
 * loss = i · mean (zA − zB)² + v · mean over the two views of meanⱼ max(0, 1 − √(varⱼ + 1e-4)) + c · sum over the two views of
 * Σᵢ≠ⱼ Covᵢⱼ² / D; variance and covariance divide by N − 1 (eq. 1 to 6; the two variance terms are averaged as in the
 * official code). zA, zB [N, D], N at least 2, any float type, computed in float32; the three parts come unweighted as metrics.
 */
export function vicregLoss(zA: Tensor, zB: Tensor, weights: VicregWeights): MethodLoss {
  expectPair("vicregLoss", zA, zB, 2);
  return inFloat32([zA, zB], (a, b) => {
    const invariance = a!.sub(b!).square().mean();
    const variance = spreadHinge(a!).add(spreadHinge(b!)).div(2);
    const covariance = offDiagonal(a!).add(offDiagonal(b!));
    const loss = invariance
      .mul(weights.invariance)
      .add(variance.mul(weights.variance))
      .add(covariance.mul(weights.covariance));
    const metrics = { invariance: invariance.detach(), variance: variance.detach(), covariance: covariance.detach() };
    return { loss, metrics };
  });
}

/** meanⱼ max(0, 1 − √(varⱼ + 1e-4)) */
const spreadHinge = (embeddings: Tensor): Tensor => embeddings.var({ dim: 0 }).add(1e-4).sqrt().rsub(1).relu().mean();

/** Σᵢ≠ⱼ Covᵢⱼ² / D */
function offDiagonal(embeddings: Tensor): Tensor {
  const [count, features] = [embeddings.size(0), embeddings.size(1)];
  const centred = embeddings.sub(embeddings.mean({ dim: 0, keepDim: true })); // [N, D]
  const covariance = centred.T.matmul(centred).div(count - 1); // [D, D]
  return covariance.square().sum().sub(covariance.diagonal().square().sum()).div(features);
}

const weight = z.number().nonnegative().max(10_000);

export const vicreg = defineMethod({
  name: "vicreg",
  title: "VICReg",
  paper: "2105.04906",
  smallestBatch: () => 2, // a variance needs two images
  couplesImages: true,
  comparesLengths: true,
  decorrelates: true,
  options: z.strictObject({
    projector: projectorWidths.default("2048-2048-2048"),
    invariance: weight.default(25).describe("weight of the views' distance"),
    variance: weight.default(25).describe("weight of the features' lack of spread"),
    covariance: weight.default(1).describe("weight of the features' repeating each other"),
  }),
  steerable: ["invariance", "variance", "covariance"],
  defaults: {
    warmupEpochs: 10,
    floor: 0.001,
    optimizer: { name: "lars", learningRate: 0.2, weightDecay: 1e-6 },
  },
  views: (size) => barlowTwinsViews({ size }),
  build(backbone, options) {
    const head = projector(backbone.outputSize, widthsOf(options.projector));
    return {
      trainable: { backbone, projector: head },
      represent: (views) => views.map((view) => backbone.forward(view)),
      embed: (representations) => representations.map((representation) => head.forward(representation)), // 2 x [N, D]
      loss: ([zA, zB]) => vicregLoss(zA!, zB!, options),
    };
  },
});
