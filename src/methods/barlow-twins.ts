// N images (global batch), D embedding features.  Barlow Twins, arXiv 2103.03230
import { z } from "zod";
import { barlowTwinsViews } from "../augment/index.ts";
import { projector } from "../nn/index.ts";
import { noGrad, scope, type Tensor } from "../torch/index.ts";
import { ablatedLoss, ablationOptions, asymmetric, isPlain, predictorFor } from "./barlow-twins-ablations.ts";
import { defineMethod, expectPair, type MethodLoss } from "./method.ts";
import { inFloat32, lastWidth, projectorWidths, widthsOf, withGradients } from "./parts.ts";

/**
 * Views of one image should agree (diagonal → 1); features should not repeat each other (off the diagonal → 0).
 *
 * C = ẑAᵀ ẑB / N with ẑ standardised over the batch (biased variance, eps 1e-5); loss = Σᵢ (1 − Cᵢᵢ)² + λ Σᵢ≠ⱼ Cᵢⱼ² (eq. 1, 2).
 * zA, zB [N, D], any float type, computed in float32; returns the loss [] with gradients to both, and its two parts unweighted.
 *
 * The gradient is written out, so that one D x D buffer serves as C and then as dL/dC: 256 MiB at D = 8192, where the
 * automatic gradient of the same lines holds several.
 */
export function barlowTwinsLoss(zA: Tensor, zB: Tensor, { lambda }: { lambda: number }): MethodLoss {
  expectPair("barlowTwinsLoss", zA, zB, 2);
  return inFloat32([zA, zB], (a, b) => {
    const parts = scope(() => noGrad(() => lossAndGradients(a!, b!, lambda)));
    const { loss, gradientA, gradientB, onDiagonal, offDiagonal } = parts;
    return { loss: withGradients(loss, [a!, gradientA], [b!, gradientB]), metrics: { onDiagonal, offDiagonal } };
  });
}

function lossAndGradients(zA: Tensor, zB: Tensor, lambda: number) {
  const batchSize = zA.size(0);
  const [a, b] = [standardize(zA), standardize(zB)];
  const c = a.normalized.T.matmul(b.normalized).mul_(1 / batchSize); // [D, D]
  const diagonal = c.diagonal().clone(); // [D]
  const onDiagonal = diagonal.sub(1).square().sum();
  const offDiagonal = c.norm().square().sub(diagonal.square().sum());
  const dC = c.mul_((2 * lambda) / batchSize); // dL/dC / N, in C's own memory
  dC.diagonal().copy_(diagonal.sub(1).mul(2 / batchSize));
  return {
    loss: onDiagonal.add(offDiagonal.mul(lambda)),
    onDiagonal,
    offDiagonal,
    gradientA: a.backward(b.normalized.matmul(dC.T)), // [N, D]
    gradientB: b.backward(a.normalized.matmul(dC)), // [N, D]
  };
}

/** Zero mean and unit variance of each feature over the batch: batch norm without affine parameters, and its gradient. */
function standardize(embeddings: Tensor) {
  const centred = embeddings.sub(embeddings.mean({ dim: 0, keepDim: true })); // [N, D]
  const inverseStd = centred.square().mean({ dim: 0, keepDim: true }).add(1e-5).rsqrt(); // [1, D]
  const normalized = centred.mul_(inverseStd); // [N, D]
  const backward = (gradient: Tensor) => {
    const along = gradient.mul(normalized).mean({ dim: 0, keepDim: true }); // [1, D]
    const mean = gradient.mean({ dim: 0, keepDim: true }); // [1, D]
    return gradient.sub_(mean).sub_(normalized.mul(along)).mul_(inverseStd); // [N, D]
  };
  return { normalized, backward };
}

/** The cross-correlation matrix C [D, D] of two views' embeddings [N, D], float32 (eq. 2). */
export function crossCorrelation(zA: Tensor, zB: Tensor): Tensor {
  expectPair("crossCorrelation", zA, zB);
  const correlate = (a: Tensor, b: Tensor) => standardize(a).normalized.T.matmul(standardize(b).normalized);
  return scope(() => noGrad(() => inFloat32([zA, zB], (a, b) => correlate(a!, b!).div_(zA.size(0)))));
}

/**
 * Where the loss of independent, perfectly invariant features ends on a finite batch: sampling alone leaves each of the
 * D(D − 1) correlations a variance of 1 / (N − 1), so λ D(D − 1) / (N − 1) remains. Losses are read above it.
 */
export const barlowTwinsFloor = (lambda: number, features: number, batchSize: number): number =>
  (lambda * features * (features - 1)) / (batchSize - 1);

export const barlowTwins = defineMethod({
  name: "barlow-twins",
  title: "Barlow Twins",
  paper: "2103.03230",
  smallestBatch: 2, // a correlation over one image has no meaning
  couplesImages: true,
  options: z.strictObject({
    lambda: z.number().positive().max(1).default(0.0051),
    projector: projectorWidths.default("2048-2048-2048"),
    /** Multiplies the loss; the authors' first release used 0.024. LARS' adapted weights do not feel it, all others do. */
    lossScale: z.number().positive().max(1000).default(1),
    ...ablationOptions,
  }),
  defaults: {
    warmupEpochs: 10,
    floor: 0.001,
    optimizer: { name: "lars", learningRate: "authors", biasLearningRate: 0.0048, weightDecay: 1e-6 },
  },
  views: (size) => barlowTwinsViews({ size }),
  floor: ({ lambda, lossScale, projector: widths, ...ablation }, batchSize) =>
    isPlain(ablation) ? lossScale * barlowTwinsFloor(lambda, lastWidth(widths), batchSize) : 0,
  build(backbone, options) {
    const { projector: widths, projectorNorm, asymmetry, lossScale } = options;
    const head = projector(backbone.outputSize, widthsOf(widths), { batchNorm: projectorNorm });
    const predictor = predictorFor(asymmetry, lastWidth(widths));
    const lossOf = isPlain(options) ? barlowTwinsLoss : ablatedLoss;
    return {
      trainable: { backbone, projector: head, ...(predictor && { predictor }) },
      represent: (views) => views.map((view) => backbone.forward(view)),
      embed(representations) {
        const embeddings = representations.map((representation) => head.forward(representation)); // 2 x [N, D]
        return asymmetry === "none" ? embeddings : asymmetric(embeddings, asymmetry, predictor);
      },
      loss([zA, zB]) {
        const { loss, metrics } = lossOf(zA!, zB!, options);
        return { loss: lossScale === 1 ? loss : loss.mul(lossScale), metrics };
      },
    };
  },
});
