// N images (global batch), D embedding features.  Barlow Twins, arXiv 2103.03230
import { z } from "zod";
import { barlowTwinsViews } from "../augment/index.ts";
import { projector } from "../nn/index.ts";
import { noGrad, product, scope, type Tensor } from "../torch/index.ts";
import {
  ablatedLoss,
  ablationOptions,
  asymmetric,
  isPlain,
  predictorFor,
  unlikable,
} from "./barlow-twins-ablations.ts";
import { defineMethod, expectPair, type MethodLoss, type StepContext, stepNumber } from "./method.ts";
import { mixedLoss, mixedShare, mixedViews, mixingOption, unmixable } from "./mixed-views.ts";
import { inFloat32, lastWidth, projectorWidths, widthsOf, withGradients } from "./parts.ts";

/**
 * Views of one image should agree (diagonal → 1); features should not repeat each other (off the diagonal → 0).
 *
 * C = ẑAᵀ ẑB / N with ẑ standardised over the batch (biased variance, eps 1e-5); loss = Σᵢ (1 − Cᵢᵢ)² + λ Σᵢ≠ⱼ Cᵢⱼ² (eq. 1, 2).
 * zA, zB [N, D], any float type, computed in float32; returns the loss [] with gradients to both, and its two parts unweighted.
 *
 * The gradient is written out, and C is made only where it is the cheaper way: in batches smaller than the embedding all that the
 * loss needs of it follows from the views' own products ẑ ẑᵀ [N, N]. At N = 2048, D = 8192 that is a third of the multiplications,
 * and 2 x 16 MiB instead of the 256 MiB of C (of which the automatic gradient holds several).
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
  const [viewA, viewB] = [standardize(zA), standardize(zB)];
  const [a, b] = [viewA.normalized, viewB.normalized];
  const diagonal = scope(() => a.mul(b).mean({ dim: 0 })); // [D], Cᵢᵢ
  const { sumOfSquares, throughC } = correlation(a, b);
  const onDiagonal = diagonal.sub(1).square().sum();
  const offDiagonal = sumOfSquares.sub(diagonal.square().sum());
  // dL/dCᵢⱼ = 2λ Cᵢⱼ, on the diagonal 2 (Cᵢᵢ − 1): what the diagonal has beyond 2λ Cᵢᵢ is added apart
  const onItself = diagonal
    .mul(1 - lambda)
    .sub(1)
    .mul(2 / batchSize); // [D]
  const [gradientA, gradientB] = throughC((2 * lambda) / batchSize, onItself); // 2 x [N, D]
  return {
    loss: onDiagonal.add(offDiagonal.mul(lambda)),
    onDiagonal,
    offDiagonal,
    gradientA: viewA.backward(gradientA),
    gradientB: viewB.backward(gradientB),
  };
}

interface Correlation {
  /** Σ Cᵢⱼ², []. */
  sumOfSquares: Tensor;
  /** [s B Cᵀ + B diag(d), s A C + A diag(d)], each [N, D]; d [D]. Once only: it scales in place. */
  throughC(scale: number, d: Tensor): [Tensor, Tensor];
}

/** What the loss needs of C = AᵀB / N; A, B [N, D]: 6 N D² multiplications by features, 8 N² D by samples. */
const correlation = (a: Tensor, b: Tensor): Correlation =>
  4 * a.size(0) < 3 * a.size(1) ? correlationBySamples(a, b) : correlationByFeatures(a, b);

function correlationByFeatures(a: Tensor, b: Tensor): Correlation {
  const c = product(a.T, b.T).div_(a.size(0)); // [D, D]
  return {
    sumOfSquares: c.norm().square(),
    throughC(scale, d) {
      c.mul_(scale);
      return [scope(() => product(b, c, b.mul(d))), scope(() => product(a, c.T, a.mul(d)))];
    },
  };
}

/** Σ Cᵢⱼ² = Σ (AAᵀ)ₘₙ (BBᵀ)ₘₙ / N², B Cᵀ = (BBᵀ) A / N and A C = (AAᵀ) B / N. */
function correlationBySamples(a: Tensor, b: Tensor): Correlation {
  const batchSize = a.size(0);
  const [ofA, ofB] = [product(a, a).div_(batchSize), product(b, b).div_(batchSize)]; // [N, N]
  return {
    sumOfSquares: ofA.mul(ofB).sum(),
    throughC: (scale, d) => [
      scope(() => product(ofB.mul_(scale), a.T, b.mul(d))),
      scope(() => product(ofA.mul_(scale), b.T, a.mul(d))),
    ],
  };
}

/** Zero mean and unit variance of each feature over the batch: batch norm without affine parameters, and its gradient. */
function standardize(embeddings: Tensor) {
  const centred = embeddings.sub(embeddings.mean({ dim: 0, keepDim: true })); // [N, D]
  const variance = centred.norm({ dim: 0, keepDim: true }).square().div_(embeddings.size(0)); // [1, D]
  const inverseStd = variance.add_(1e-5).rsqrt(); // [1, D]
  const normalized = centred.mul_(inverseStd); // [N, D]
  const backward = (gradient: Tensor) => {
    const along = scope(() => gradient.mul(normalized).mean({ dim: 0, keepDim: true })); // [1, D]
    const mean = gradient.mean({ dim: 0, keepDim: true }); // [1, D]
    return gradient.sub_(mean).addcmul_(normalized, along, { value: -1 }).mul_(inverseStd); // [N, D]
  };
  return { normalized, backward };
}

/** The cross-correlation matrix C [D, D] of two views' embeddings [N, D], float32 (eq. 2). */
export function crossCorrelation(zA: Tensor, zB: Tensor): Tensor {
  expectPair("crossCorrelation", zA, zB);
  const correlate = (a: Tensor, b: Tensor) => product(standardize(a).normalized.T, standardize(b).normalized.T);
  return scope(() => noGrad(() => inFloat32([zA, zB], (a, b) => correlate(a!, b!).div_(zA.size(0)))));
}

/**
 * Where the loss of independent, perfectly invariant features ends on a finite batch: sampling alone leaves each of the
 * D(D − 1) correlations a variance of 1 / (N − 1), so λ D(D − 1) / (N − 1) remains. Losses are read above it.
 */
export const barlowTwinsFloor = (lambda: number, features: number, batchSize: number): number =>
  (lambda * features * (features - 1)) / (batchSize - 1);

/** The mean over all pairs of views, of the loss and of its parts: with two views those of the pair. */
function overPairs(views: readonly Tensor[], lossOf: (a: Tensor, b: Tensor) => MethodLoss): MethodLoss {
  const pairs = views.flatMap((a, i) => views.slice(i + 1).map((b) => lossOf(a, b)));
  if (pairs.length === 1) return pairs[0]!;
  const mean = (terms: readonly Tensor[]) => terms.reduce((sum, term) => sum.add(term)).div(terms.length);
  const parts = Object.keys(pairs[0]!.metrics).map((name) => [name, mean(pairs.map(({ metrics }) => metrics[name]!))]);
  return { loss: mean(pairs.map(({ loss }) => loss)), metrics: Object.fromEntries(parts) };
}

export const barlowTwins = defineMethod({
  name: "barlow-twins",
  title: "Barlow Twins",
  paper: "2103.03230",
  smallestBatch: () => 2, // a correlation over one image has no meaning
  couplesImages: true,
  decorrelates: true,
  takesMoreViews: true,
  unfit: ({ mixing, asymmetry }, run) => unlikable(asymmetry, run.views.length) ?? unmixable(mixing, run),
  options: z.strictObject({
    lambda: z.number().positive().max(1).default(0.0051).describe("weight of the redundancy term"),
    projector: projectorWidths.default("2048-2048-2048"),
    /** The authors' first release used 0.024. */
    lossScale: z
      .number()
      .positive()
      .max(1000)
      .default(1)
      .describe("multiplies the loss; LARS' adapted weights do not feel it, all others do"),
    /** Mixed Barlow Twins' code takes 4 on CIFAR-10, at lambda 1/128. */
    mixing: mixingOption,
    ...ablationOptions,
  }),
  steerable: ["lambda", "lossScale"],
  defaults: {
    warmupEpochs: 10,
    floor: 0.001,
    optimizer: { name: "lars", learningRate: "authors", biasLearningRate: 0.0048, weightDecay: 1e-6 },
  },
  views: (size) => barlowTwinsViews({ size }),
  floor: ({ lambda, lossScale, projector: widths, mixing: _, ...ablation }, batchSize) =>
    isPlain(ablation) ? lossScale * barlowTwinsFloor(lambda, lastWidth(widths), batchSize) : 0,
  build(backbone, options) {
    const { projector: widths, projectorNorm, asymmetry } = options;
    const head = projector(backbone.outputSize, widthsOf(widths), { batchNorm: projectorNorm });
    const predictor = predictorFor(asymmetry, lastWidth(widths));
    const lossOfPair = isPlain(options) ? barlowTwinsLoss : ablatedLoss;
    const isMixed = options.mixing > 0;
    const lossOf = (embeddings: readonly Tensor[], context: StepContext): MethodLoss => {
      const [views, zM] = isMixed ? [embeddings.slice(0, -1), embeddings.at(-1)!] : [embeddings];
      const { loss, metrics } = overPairs(views, (a, b) => lossOfPair(a, b, options));
      if (!zM) return { loss, metrics };
      const mixed = mixedLoss(views[0]!, views[1]!, zM, stepNumber(context, mixedShare)); // []
      return {
        loss: loss.add(mixed.mul(options.mixing * options.lambda)),
        metrics: { ...metrics, mixed: mixed.detach() },
      };
    };
    return {
      trainable: { backbone, projector: head, ...(predictor && { predictor }) },
      represent(views, context) {
        const seen = isMixed ? [...views, mixedViews(views, context)] : views; // V x [N, 3, S, S]
        return seen.map((view) => backbone.forward(view));
      },
      embed(representations) {
        const embeddings = representations.map((representation) => head.forward(representation)); // V x [N, D]
        if (asymmetry === "none") return embeddings;
        return [...asymmetric(embeddings, asymmetry, predictor), ...embeddings.slice(2)];
      },
      loss(embeddings, context) {
        const { loss, metrics } = lossOf(embeddings, context);
        return { loss: options.lossScale === 1 ? loss : loss.mul(options.lossScale), metrics };
      },
    };
  },
});
