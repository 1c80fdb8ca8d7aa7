// N images, D features, K rows of a queue
import { z } from "zod";
import { loadState, Module, type Network, namedParameters, setRequiresGrad, stateOf } from "../nn/index.ts";
import {
  arange,
  autocast,
  keep,
  noGrad,
  op,
  type RefusedPromise,
  randn,
  scope,
  type Tensor,
  zeros,
} from "../torch/index.ts";
import type { StepContext } from "./method.ts";

/** Widths of a projector's layers, written `2048-2048-2048`; one layer may be a number. */
export const projectorWidths = z
  .union([
    z.string().regex(/^[1-9]\d{0,5}(-[1-9]\d{0,5}){0,7}$/),
    z.number().int().min(1).max(999_999).transform(String),
  ])
  .meta({ needed: "widths of 1 to 8 layers joined by -, such as 2048-2048-2048" })
  .describe("widths of the projector's layers");

/** `2048-2048` as [2048, 2048]. */
export const widthsOf = (text: string): number[] => text.split("-").map(Number);

/** The width of the last layer. */
export const lastWidth = (text: string): number => widthsOf(text).at(-1)!;

export const temperature = z
  .number()
  .positive()
  .max(100)
  .describe("what similarities are divided by; smaller is sharper");

/** Runs `body` on the tensors as float32, with autocast off: losses and statistics lose too much in shorter types. */
export function inFloat32<T>(
  tensors: readonly Tensor[],
  body: (...wide: Tensor[]) => T,
  ...refused: RefusedPromise<T>
): T {
  const device = tensors[0]!.device.split(":")[0]!;
  const wide = tensors.map((tensor) => tensor.to("float32"));
  return autocast({ dtype: "float32", device }, () => body(...wide), ...refused);
}

/**
 * A scalar with gradients that were computed by hand: its value is `value`, its derivative by each tensor the one given.
 * It is the linear function Σ (tensor · gradient), shifted to the value; so it serves for one backward pass, as a loss does.
 */
export function withGradients(
  value: Tensor,
  ...pairs: readonly (readonly [tensor: Tensor, gradient: Tensor])[]
): Tensor {
  const linear = pairs
    .map(([tensor, gradient]) => op.dot(tensor.flatten(0), gradient.flatten(0)))
    .reduce((sum, term) => sum.add(term));
  return linear.add(noGrad(() => value.sub(linear.detach()))); // []
}

/** Rows of unit length: z / max(‖z‖, 1e-12). */
export const normalized = (rows: Tensor): Tensor =>
  rows.div(rows.norm({ dim: 1, keepDim: true }).clamp({ min: 1e-12 }));

/** Cosine of each row of `a` with the same row of `b`, [N]. */
export const cosines = (a: Tensor, b: Tensor): Tensor => normalized(a).mul(normalized(b)).sum({ dim: 1 });

/** Cosines of the two views of each picture [N], and of the first view with those of other pictures, in rows of no meaning [N − 1, N]; zA, zB [N, D], N at least 2. */
export function pairSimilarities(zA: Tensor, zB: Tensor): { positives: Tensor; negatives: Tensor } {
  return inFloat32([zA, zB], (a, b) => {
    const likeness = normalized(a!).matmul(normalized(b!).T); // [N, N]
    const N = likeness.size(0);
    const others = likeness
      .flatten()
      .narrow(0, 1, N * N - 1)
      .reshape(N - 1, N + 1)
      .narrow(1, 0, N); // without its diagonal
    return { positives: likeness.diagonal(), negatives: others };
  });
}

/** Mean over the rows of −log softmax at each row's class; logits [N, C], classes [N] int64. */
export const crossEntropy = (logits: Tensor, classes: Tensor): Tensor => op.cross_entropy_loss(logits, classes);

// ---- teachers ----

/** Makes `teacher` equal to `student` and takes it out of learning; it has its own copy of everything, statistics too. */
export function asTeacher<T extends Network>(teacher: T, student: Network): T {
  loadState(teacher, stateOf(student));
  setRequiresGrad(teacher, false);
  return teacher;
}

/** θ' ← m θ' + (1 − m) θ for every parameter; batch statistics are each network's own. */
export function moveTowards(teacher: Network, student: Network, momentum: number | Tensor): void {
  const [follower, leader] = [teacher, student].map((network) => [...namedParameters(network).values()]);
  noGrad(() => scope(() => mix(follower!, leader!, momentum)));
}

function mix(follower: readonly Tensor[], leader: readonly Tensor[], momentum: number | Tensor): void {
  if (typeof momentum === "number") {
    op["_foreach_mul_.Scalar"](follower, momentum);
    op["_foreach_add_.List"](follower, leader, 1 - momentum);
    return;
  }
  op["_foreach_mul_.Tensor"](follower, momentum);
  op["_foreach_add_.List"](follower, op["_foreach_mul.Tensor"](leader, restOf(momentum)));
}

/** What a share leaves of 1. */
export function restOf<T extends number | Tensor>(share: T): T;
export function restOf(share: number | Tensor): number | Tensor {
  return typeof share === "number" ? 1 - share : share.neg().add(1);
}

/** Share that a teacher keeps of itself in each step, from `momentum` at the start to `finalMomentum` at the end. */
export const momentumOptions = (start: number, end: number) => ({
  momentum: z
    .number()
    .min(0)
    .max(1)
    .default(start)
    .describe("share that the teacher keeps of itself in the first step"),
  finalMomentum: z.number().min(0).max(1).default(end).describe("the same in the last step"),
});

/** end − (end − start) (cos(π k / K) + 1) / 2 at step k of K (arXiv 2006.07733, appendix J); constant where both are equal. */
export function momentumAt(
  { step, totalSteps }: Pick<StepContext, "step" | "totalSteps">,
  { momentum, finalMomentum }: { momentum: number; finalMomentum: number },
): number {
  const cosine = (Math.cos((Math.PI * step) / Math.max(1, totalSteps)) + 1) / 2;
  return finalMomentum - (finalMomentum - momentum) * cosine;
}

// ---- queues ----

/** The last K embeddings of unit length, the oldest overwritten first; starts with random directions. Saved with the run. */
export class EmbeddingQueue extends Module {
  readonly rows: Tensor; // [K, D]
  readonly next: Tensor; // [] int64, the row that is overwritten next

  constructor(length: number, features: number) {
    super();
    this.rows = keep(noGrad(() => scope(() => normalized(randn([length, features])))));
    this.next = keep(zeros([], { dtype: "int64" }));
  }

  override get bufferNames() {
    return ["rows", "next"];
  }

  get length(): number {
    return this.rows.size(0);
  }

  /** Similarity of embeddings [N, D] to every row, [N, K]. */
  override forward(embeddings: Tensor): Tensor {
    return embeddings.matmul(this.rows.T);
  }

  /** Takes embeddings [N, D] in; of more than K only the last K. */
  push(embeddings: Tensor): void {
    const count = Math.min(embeddings.size(0), this.length);
    noGrad(() =>
      scope(() => {
        const newest = normalized(embeddings.narrow(0, embeddings.size(0) - count, count).to("float32"));
        const places = arange(count, { dtype: "int64", device: this.rows.device })
          .add(this.next)
          .remainder(this.length);
        this.rows.indexCopy_(0, places, newest);
        this.next.copy_(this.next.add(count).remainder(this.length));
      }),
    );
  }
}
