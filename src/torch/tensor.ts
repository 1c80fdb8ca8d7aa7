import { addon, type DType, handlesOf } from "./addon.ts";
import { bindOperators, type MemoryFormat } from "./operators.ts";
import { Slot } from "./slot.ts";

export interface Reduction {
  /** Dimension or dimensions to reduce; all of them when left out. */
  dim?: number | readonly number[];
  keepDim?: boolean;
}

/** The other side of an operation. */
export type Operand = Tensor | number;

/**
 * An n-dimensional array in libtorch, named by a handle. Methods carry PyTorch's names in camelCase; those ending in `_`
 * write in place and return the tensor itself. Memory: see `scope`.
 */
export class Tensor extends Slot {
  /** The elements as float32. */
  float32(): Float32Array {
    return (this.dtype === "float32" ? this : this.to("float32")).data() as Float32Array;
  }
  // ---- autograd ----

  /** The gradient that `backward` left here, or undefined. */
  get grad(): Tensor | undefined {
    const handle = this.call("grad", () => addon().gradientOf(this.handle));
    return handle === null ? undefined : new Tensor(handle);
  }
  /** Adds d(this)/d(leaf) to the gradient of every leaf that requires it. */
  backward(gradient?: Tensor, { retainGraph = false } = {}): void {
    this.call("backward", () => addon().backward(handlesOf([this]), gradient && handlesOf([gradient]), retainGraph));
  }
  detach(): Tensor {
    return op.detach(this);
  }

  // ---- arithmetic ----

  add(other: Operand): Tensor {
    return typeof other === "number" ? op["add.Scalar"](this, other) : op["add.Tensor"](this, other);
  }
  sub(other: Operand): Tensor {
    return typeof other === "number" ? op["sub.Scalar"](this, other) : op["sub.Tensor"](this, other);
  }
  /** other - this */
  rsub(other: number): Tensor {
    return op["rsub.Scalar"](this, other);
  }
  mul(other: Operand): Tensor {
    return typeof other === "number" ? op["mul.Scalar"](this, other) : op["mul.Tensor"](this, other);
  }
  div(other: Operand): Tensor {
    return typeof other === "number" ? op["div.Scalar"](this, other) : op["div.Tensor"](this, other);
  }
  remainder(other: Operand): Tensor {
    return typeof other === "number" ? op["remainder.Scalar"](this, other) : op["remainder.Tensor"](this, other);
  }
  pow(exponent: number): Tensor {
    return op["pow.Tensor_Scalar"](this, exponent);
  }
  neg(): Tensor {
    return op.neg(this);
  }
  abs(): Tensor {
    return op.abs(this);
  }
  exp(): Tensor {
    return op.exp(this);
  }
  log(): Tensor {
    return op.log(this);
  }
  sqrt(): Tensor {
    return op.sqrt(this);
  }
  rsqrt(): Tensor {
    return op.rsqrt(this);
  }
  square(): Tensor {
    return op.square(this);
  }
  cos(): Tensor {
    return op.cos(this);
  }
  sin(): Tensor {
    return op.sin(this);
  }
  floor(): Tensor {
    return op.floor(this);
  }
  round(): Tensor {
    return op.round(this);
  }
  sigmoid(): Tensor {
    return op.sigmoid(this);
  }
  relu(): Tensor {
    return op.relu(this);
  }
  clamp({ min, max }: { min?: number; max?: number }): Tensor {
    return op.clamp(this, min ?? null, max ?? null);
  }
  maximum(other: Tensor): Tensor {
    return op.maximum(this, other);
  }
  minimum(other: Tensor): Tensor {
    return op.minimum(this, other);
  }
  lerp(end: Tensor, weight: Tensor): Tensor {
    return op["lerp.Tensor"](this, end, weight);
  }

  // ---- in place ----

  add_(other: Operand, { alpha = 1 } = {}): this {
    if (typeof other === "number") op["add_.Scalar"](this, other * alpha);
    else op["add_.Tensor"](this, other, alpha);
    return this;
  }
  sub_(other: Tensor, { alpha = 1 } = {}): this {
    op["sub_.Tensor"](this, other, alpha);
    return this;
  }
  mul_(other: Operand): this {
    if (typeof other === "number") op["mul_.Scalar"](this, other);
    else op["mul_.Tensor"](this, other);
    return this;
  }
  div_(other: Operand): this {
    if (typeof other === "number") op["div_.Scalar"](this, other);
    else op["div_.Tensor"](this, other);
    return this;
  }
  addcmul_(tensor1: Tensor, tensor2: Tensor, { value = 1 } = {}): this {
    op.addcmul_(this, tensor1, tensor2, value);
    return this;
  }
  lerp_(end: Tensor, weight: Tensor): this {
    op["lerp_.Tensor"](this, end, weight);
    return this;
  }
  exp_(): this {
    op.exp_(this);
    return this;
  }
  relu_(): this {
    op.relu_(this);
    return this;
  }
  clamp_({ min, max }: { min?: number; max?: number }): this {
    op.clamp_(this, min ?? null, max ?? null);
    return this;
  }
  copy_(source: Tensor): this {
    op.copy_(this, source);
    return this;
  }
  zero_(): this {
    op.zero_(this);
    return this;
  }
  fill_(value: number): this {
    op["fill_.Scalar"](this, value);
    return this;
  }
  maskedFill_(mask: Tensor, value: number): this {
    op["masked_fill_.Scalar"](this, mask, value);
    return this;
  }
  normal_({ mean = 0, std = 1 } = {}): this {
    op.normal_(this, mean, std);
    return this;
  }
  uniform_({ from = 0, to = 1 } = {}): this {
    op.uniform_(this, from, to);
    return this;
  }
  indexCopy_(dim: number, index: Tensor, source: Tensor): this {
    op.index_copy_(this, dim, index, source);
    return this;
  }
  scatterAdd_(dim: number, index: Tensor, source: Tensor): this {
    op.scatter_add_(this, dim, index, source);
    return this;
  }

  // ---- comparison and choice ----

  eq(other: Operand): Tensor {
    return typeof other === "number" ? op["eq.Scalar"](this, other) : op["eq.Tensor"](this, other);
  }
  ne(other: number): Tensor {
    return op["ne.Scalar"](this, other);
  }
  gt(other: number): Tensor {
    return op["gt.Scalar"](this, other);
  }
  ge(other: Operand): Tensor {
    return typeof other === "number" ? op["ge.Scalar"](this, other) : op["ge.Tensor"](this, other);
  }
  lt(other: Operand): Tensor {
    return typeof other === "number" ? op["lt.Scalar"](this, other) : op["lt.Tensor"](this, other);
  }
  logicalAnd(other: Tensor): Tensor {
    return op.logical_and(this, other);
  }
  isFinite(): Tensor {
    return op.isfinite(this);
  }
  all(): Tensor {
    return op.all(this);
  }
  maskedFill(mask: Tensor, value: number): Tensor {
    return op["masked_fill.Scalar"](this, mask, value);
  }

  // ---- reductions ----

  sum({ dim, keepDim = false }: Reduction = {}): Tensor {
    return dim === undefined ? op.sum(this) : op["sum.dim_IntList"](this, dims(dim), keepDim);
  }
  mean({ dim, keepDim = false }: Reduction = {}): Tensor {
    return dim === undefined ? op.mean(this) : op["mean.dim"](this, dims(dim), keepDim);
  }
  /** Variance; `unbiased` divides by n - 1, as PyTorch does by default. */
  var({ dim, keepDim = false, unbiased = true }: Reduction & { unbiased?: boolean } = {}): Tensor {
    return op["var.dim"](this, dim === undefined ? null : dims(dim), unbiased, keepDim);
  }
  std({ dim, keepDim = false, unbiased = true }: Reduction & { unbiased?: boolean } = {}): Tensor {
    return op["std.dim"](this, dim === undefined ? null : dims(dim), unbiased, keepDim);
  }
  amax({ dim = [], keepDim = false }: Reduction = {}): Tensor {
    return op.amax(this, dims(dim), keepDim);
  }
  amin({ dim = [], keepDim = false }: Reduction = {}): Tensor {
    return op.amin(this, dims(dim), keepDim);
  }
  argmax(dim: number): Tensor {
    return op.argmax(this, dim);
  }
  argsort({ dim = -1, descending = false } = {}): Tensor {
    return op.argsort(this, dim, descending);
  }
  /** The k largest along the last dimension, in order: [values, indices]. */
  topk(k: number): [Tensor, Tensor] {
    return op.topk(this, k);
  }
  /** Euclidean norm. */
  norm({ dim, keepDim = false }: Reduction = {}): Tensor {
    return op.linalg_vector_norm(this, 2, dim === undefined ? null : dims(dim), keepDim);
  }
  logSumExp({ dim, keepDim = false }: { dim: number; keepDim?: boolean }): Tensor {
    return op.logsumexp(this, dims(dim), keepDim);
  }
  softmax(dim: number): Tensor {
    return op["softmax.int"](this, dim);
  }
  logSoftmax(dim: number): Tensor {
    return op["log_softmax.int"](this, dim);
  }

  // ---- matrices ----

  matmul(other: Tensor): Tensor {
    return op.matmul(this, other);
  }
  bmm(other: Tensor): Tensor {
    return op.bmm(this, other);
  }
  /** The matrix transposed. */
  get T(): Tensor {
    return op.t(this);
  }
  diagonal(): Tensor {
    return op.diagonal(this);
  }

  // ---- shapes and places ----

  reshape(...shape: number[]): Tensor {
    return op.reshape(this, shape);
  }
  transpose(dim0: number, dim1: number): Tensor {
    return op["transpose.int"](this, dim0, dim1);
  }
  permute(...order: number[]): Tensor {
    return op.permute(this, order);
  }
  flatten(startDim = 0): Tensor {
    return op["flatten.using_ints"](this, startDim, -1);
  }
  unsqueeze(dim: number): Tensor {
    return op.unsqueeze(this, dim);
  }
  squeeze(dim: number): Tensor {
    return op["squeeze.dim"](this, dim);
  }
  expand(...shape: number[]): Tensor {
    return op.expand(this, shape);
  }
  narrow(dim: number, start: number, length: number): Tensor {
    return op.narrow(this, dim, start, length);
  }
  select(dim: number, index: number): Tensor {
    return op["select.int"](this, dim, index);
  }
  flip(...order: number[]): Tensor {
    return op.flip(this, order);
  }
  indexSelect(dim: number, index: Tensor): Tensor {
    return op.index_select(this, dim, index);
  }
  gather(dim: number, index: Tensor): Tensor {
    return op.gather(this, dim, index);
  }
  clone(): Tensor {
    return op.clone(this);
  }
  contiguous(format: MemoryFormat = "contiguous_format"): Tensor {
    return op.contiguous(this, format);
  }
  /** The same numbers as another data type; the tensor itself where nothing changes. */
  to(dtype: DType): Tensor {
    return op["to.dtype"](this, dtype);
  }
  /** To a GPU the copy is enqueued and not waited for: the bytes left this memory when it returns. */
  toDevice(device: string): Tensor {
    return op["to.device"](this, device, this.dtype, device !== "cpu");
  }
  zerosLike(): Tensor {
    return op.zeros_like(this);
  }
}

const dims = (dim: number | readonly number[]): readonly number[] => (typeof dim === "number" ? [dim] : dim);

/** The operators of schemas.ts, typed by their lines. */
export const op = bindOperators((handle) => new Tensor(handle));
