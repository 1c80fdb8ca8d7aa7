// N images (global batch), D embedding features.  The variants of Barlow Twins in tables 5 and 6 of arXiv 2103.03230
import { z } from "zod";
import { type Module, projector } from "../nn/index.ts";
import { eye, type Tensor } from "../torch/index.ts";
import { expectPair, type MethodLoss } from "./method.ts";
import { inFloat32, temperature } from "./parts.ts";

/** What the paper takes away or exchanges; the defaults are the method itself. */
export const ablationOptions = {
  /** Table 5: invariance alone 57.3, redundancy alone 0.1, both 71.4. */
  terms: z.enum(["both", "invariance", "redundancy"]).default("both").describe("which of the loss' two terms count"),
  normalization: z
    .enum(["batch", "feature", "none"])
    .default("batch")
    .describe("along which direction embeddings are standardised before C; none: centred only"),
  projectorNorm: z.boolean().default(true).describe("whether the projector has batch norm"),
  /** Table 5: the cross-entropy 63.3. */
  objective: z
    .enum(["squares", "cross-entropy"])
    .default("squares")
    .describe("squared distances of C from the identity, or a cross-entropy"),
  /** The paper does not print its value, this one is ours. */
  temperature: temperature.default(0.1).describe("of the objective cross-entropy"),
  /** Table 6: 70.5, 70.2, 61.3. */
  asymmetry: z
    .enum(["none", "stop-gradient", "predictor", "both"])
    .default("none")
    .describe("the second view held still, a predictor on the first view, or both"),
};

export type Ablation = z.output<z.ZodObject<typeof ablationOptions>>;

/** Whether the loss is the paper's own. */
export const isPlain = ({ terms, normalization, objective }: Ablation): boolean =>
  terms === "both" && normalization === "batch" && objective === "squares";

/**
 * Barlow Twins' loss with a term left out, another normalisation or another objective.
 *
 * C = ẑAᵀ ẑB / N. squares: Σᵢ (1 − Cᵢᵢ)² + λ Σᵢ≠ⱼ Cᵢⱼ². cross-entropy: −log Σᵢ exp(Cᵢᵢ/τ) + λ log Σᵢ≠ⱼ exp(max(Cᵢⱼ, 0)/τ) (section 4,
 * "loss function ablations"). zA, zB [N, D], N at least 2, any float type, computed in float32; metrics: the two terms, unweighted.
 */
export function ablatedLoss(zA: Tensor, zB: Tensor, options: Ablation & { lambda: number }): MethodLoss {
  expectPair("ablatedLoss", zA, zB, 2);
  return inFloat32([zA, zB], (a, b) => {
    const normalize = normalizations[options.normalization];
    const c = normalize(a!).T.matmul(normalize(b!)).div(zA.size(0)); // [D, D]
    const { onDiagonal, offDiagonal } = objectives[options.objective](c, options.temperature);
    const weights = { both: [1, 1], invariance: [1, 0], redundancy: [0, 1] }[options.terms];
    const loss = onDiagonal.mul(weights[0]!).add(offDiagonal.mul(weights[1]! * options.lambda));
    return { loss, metrics: { onDiagonal: onDiagonal.detach(), offDiagonal: offDiagonal.detach() } };
  });
}

const centred = (rows: Tensor, dim: number): Tensor => rows.sub(rows.mean({ dim, keepDim: true }));

/** Zero mean and unit variance along one dimension; biased variance, eps 1e-5. */
function standardized(rows: Tensor, dim: number): Tensor {
  const middle = centred(rows, dim);
  return middle.mul(middle.square().mean({ dim, keepDim: true }).add(1e-5).rsqrt());
}

const normalizations = {
  batch: (rows: Tensor) => standardized(rows, 0),
  feature: (rows: Tensor) => standardized(rows, 1),
  none: (rows: Tensor) => centred(rows, 0),
};

const objectives = { squares, "cross-entropy": crossEntropyOf };

function squares(c: Tensor) {
  const diagonal = c.diagonal(); // [D]
  const onDiagonal = diagonal.sub(1).square().sum();
  return { onDiagonal, offDiagonal: c.square().sum().sub(diagonal.square().sum()) };
}

function crossEntropyOf(c: Tensor, tau: number) {
  const isDiagonal = eye(c.size(0), { dtype: "bool", device: c.device });
  const others = c.relu().div(tau).maskedFill(isDiagonal, Number.NEGATIVE_INFINITY); // [D, D]
  const onDiagonal = c.diagonal().div(tau).logSumExp({ dim: 0 }).neg();
  return { onDiagonal, offDiagonal: others.flatten().logSumExp({ dim: 0 }) };
}

/** Two layers as wide as the embedding, batch norm and ReLU between them; undefined where nothing is predicted. */
export function predictorFor(asymmetry: Ablation["asymmetry"], features: number): Module | undefined {
  const isPredicting = asymmetry === "predictor" || asymmetry === "both";
  return isPredicting ? projector(features, [features, features]) : undefined;
}

/** The two branches made unlike: the first predicts, the second is held still. */
export function asymmetric(
  [zA, zB]: readonly Tensor[],
  asymmetry: Ablation["asymmetry"],
  predictor: Module | undefined,
): Tensor[] {
  const isHeld = asymmetry === "stop-gradient" || asymmetry === "both";
  return [predictor ? predictor.forward(zA!) : zA!, isHeld ? zB!.detach() : zB!]; // 2 x [N, D]
}

/** Why so many views cannot be made unlike; undefined where they can. */
export function unlikable(asymmetry: Ablation["asymmetry"], views: number): string | undefined {
  if (asymmetry === "none" || views === 2) return undefined;
  return `asymmetry ${asymmetry} with ${views} views; it makes the two of a pair unlike, so two are needed; leave asymmetry out, or give two views`;
}
