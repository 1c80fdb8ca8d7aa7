// N images, C channels, H height, W width, D features
import {
  globalBatchNorm,
  isRecording,
  keep,
  noGrad,
  ones,
  op,
  type ProcessGroup,
  processGroup,
  scope,
  type Tensor,
  zeros,
} from "../torch/index.ts";
import { normalizedInGroups } from "./grouped-batch-norm.ts";
import { Module, modulesIn, type Network } from "./module.ts";
import { placesOf } from "./places.ts";

/** A tensor that is learned. It outlives all scopes. */
const parameter = (tensor: Tensor): Tensor => keep(tensor.requiresGrad_());
const buffer = (tensor: Tensor): Tensor => keep(tensor);

/** y = x Wᵀ + b, x [N, in], y [N, out]. Both start uniform in ±1/√in, as in PyTorch; given a `std`, W normal and b zero. */
export class Linear extends Module {
  readonly weight: Tensor; // [out, in]
  readonly bias: Tensor | null; // [out]

  constructor(inputSize: number, outputSize: number, { bias = true, std }: { bias?: boolean; std?: number } = {}) {
    super();
    const bound = 1 / Math.sqrt(inputSize);
    const drawn = (shape: number[]) => noGrad(() => zeros(shape).uniform_({ from: -bound, to: bound }));
    const normal = (shape: number[]) => noGrad(() => zeros(shape).normal_({ std: std! }));
    this.weight = parameter((std === undefined ? drawn : normal)([outputSize, inputSize]));
    this.bias = bias ? parameter(std === undefined ? drawn([outputSize]) : zeros([outputSize])) : null;
  }

  override forward(input: Tensor): Tensor {
    return op.linear(input, this.weight, this.bias); // [N, out]
  }
}

export interface ConvolutionOptions {
  stride?: number;
  padding?: number;
  /** Starts at zero. Default false: none. */
  bias?: boolean;
  /** Standard deviation of the first weights. Default √(2 / (out k²)). */
  std?: number;
}

/** Convolution over [N, C, H, W]; weights start normal with std √(2 / (out k²)) (He et al. 2015, fan-out). */
export class Conv2d extends Module {
  readonly weight: Tensor; // [out, in, k, k], channels-last in memory
  readonly bias: Tensor | null; // [out]
  readonly #stride: number;
  readonly #padding: number;

  constructor(
    inputChannels: number,
    outputChannels: number,
    kernelSize: number,
    {
      stride = 1,
      padding = 0,
      bias = false,
      std = Math.sqrt(2 / (outputChannels * kernelSize * kernelSize)),
    }: ConvolutionOptions = {},
  ) {
    super();
    const values = noGrad(() => zeros([outputChannels, inputChannels, kernelSize, kernelSize]).normal_({ std }));
    this.weight = parameter(values.contiguous("channels_last"));
    this.bias = bias ? parameter(zeros([outputChannels])) : null;
    this.#stride = stride;
    this.#padding = padding;
  }

  override forward(input: Tensor): Tensor {
    return this.forwardWith(input, this.weight, this.bias);
  }

  /** The same convolution with other weights [out, in, k, k] and bias [out]. */
  forwardWith(input: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
    if (this.#isUnsafe()) return op.conv2d(op.max_pool2d(input, 1, this.#stride), weight, bias, 1, 0);
    return op.conv2d(input, weight, bias, this.#stride, this.#padding);
  }

  /**
   * On processors with AVX2 and no AVX-512, oneDNN's weight gradient of a strided 1 x 1 convolution with fewer than 8 input channels
   * writes past its memory (libtorch 2.13.0). Taking every stride-th place first is the same convolution.
   */
  #isUnsafe(): boolean {
    const [, inputChannels, kernelSize] = this.weight.shape;
    return kernelSize === 1 && this.#stride > 1 && inputChannels! < 8;
  }
}

/** The transpose of a convolution of side 2 and stride 2: [N, in, H, W] to [N, out, 2H, 2W]; weights start as those of `Conv2d`. */
export class Doubling2d extends Module {
  readonly weight: Tensor; // [in, out, 2, 2]
  readonly bias: Tensor; // [out]

  constructor(inputChannels: number, outputChannels: number) {
    super();
    const std = Math.sqrt(2 / (4 * outputChannels));
    this.weight = parameter(noGrad(() => zeros([inputChannels, outputChannels, 2, 2]).normal_({ std })));
    this.bias = parameter(zeros([outputChannels]));
  }

  override forward(input: Tensor): Tensor {
    return op["conv_transpose2d.input"](input, this.weight, this.bias, 2);
  }
}

/**
 * Normalises each feature over the batch (and the places of an image): (x − mean) / √(var + 1e-5) · weight + bias, biased
 * variance; running statistics move by 0.1 a step and are used in evaluation (arXiv 1502.03167). Serves [N, D] and [N, C, H, W].
 * Among several processes the batch is that of all of them.
 */
export class BatchNorm extends Module {
  /** Parts of a training batch, of equal size or one more, each normalised by itself. */
  groups = 1;
  readonly weight: Tensor | null; // [C]
  readonly bias: Tensor | null; // [C]
  readonly running_mean: Tensor; // [C]
  readonly running_var: Tensor; // [C]
  readonly num_batches_tracked: Tensor; // []

  constructor(features: number, { affine = true, bias = affine }: { affine?: boolean; bias?: boolean } = {}) {
    super();
    this.weight = affine ? parameter(ones([features])) : null;
    this.bias = bias ? parameter(zeros([features])) : null;
    this.running_mean = buffer(zeros([features]));
    this.running_var = buffer(ones([features]));
    this.num_batches_tracked = buffer(zeros([], { dtype: "int64" }));
  }

  override get bufferNames() {
    return ["running_mean", "running_var", "num_batches_tracked"];
  }

  override forward(input: Tensor): Tensor {
    const processes = this.training ? processGroup() : undefined;
    if (processes) return this.#normalizeTogether(input, processes);
    if (this.training && this.groups > 1) return this.#normalizeInGroups(input);
    if (this.training) this.#count();
    return this.#normalize(input);
  }

  /** γ/σ and β − γ mean/σ of the running statistics: what evaluation multiplies and adds. */
  scaleAndShift(): { scale: Tensor; shift: Tensor } {
    const spread = this.running_var.add(1e-5).rsqrt(); // [C]
    const scale = this.weight ? spread.mul(this.weight) : spread;
    const shift = this.running_mean.mul(scale).neg();
    return { scale, shift: this.bias ? shift.add(this.bias) : shift };
  }

  #normalizeTogether(input: Tensor, processes: ProcessGroup): Tensor {
    this.#count();
    const { weight, bias, running_mean: mean, running_var: variance } = this;
    return globalBatchNorm(input, { weight, bias, mean, variance }, this.#sizesOf(input), processes);
  }

  /** How many of the rows at hand are in each group. */
  #sizesOf(input: Tensor): number[] {
    if (this.groups === 1) return [input.size(0)]; // views may stand behind one another
    const { own, total } = placesOf(input.size(0));
    const before = Array.from({ length: this.groups + 1 }, (_, i) => Math.floor((i * total) / this.groups));
    return before.slice(1).map((end, i) => own.filter((place) => place >= before[i]! && place < end).length);
  }

  #normalizeInGroups(input: Tensor): Tensor {
    this.#count();
    const { weight, bias, running_mean: mean, running_var: variance } = this;
    return normalizedInGroups(input, { weight, bias, mean, variance }, this.#sizesOf(input));
  }

  #count(): void {
    noGrad(() => this.num_batches_tracked.add_(1));
  }

  #normalize(input: Tensor): Tensor {
    const { weight, bias, running_mean: mean, running_var: variance } = this;
    return op.batch_norm(input, weight, bias, mean, variance, this.training, 0.1, 1e-5, true);
  }
}

/**
 * A convolution without bias and the batch norm behind it. In evaluation, where no gradient is recorded, they are one convolution with
 * weights W γ/σ and bias β − γ mean/σ: each map is written once, not twice, which spares a third of a ResNet-50's time in bfloat16 (bench/features.mjs).
 */
export function normalizedConvolution(convolution: Conv2d, norm: BatchNorm, input: Tensor): Tensor {
  if (norm.training || isRecording()) return norm.forward(convolution.forward(input));
  return scope(() => {
    const { scale, shift } = norm.scaleAndShift(); // [C]
    return convolution.forwardWith(input, convolution.weight.mul(scale.reshape(-1, 1, 1, 1)), shift);
  });
}

/** Batch norm sees a training batch in `groups` equal parts from here on, as on so many devices of their own. */
export function normalizeInGroups(network: Network, groups: number): void {
  for (const module of modulesIn(network)) if (module instanceof BatchNorm) module.groups = groups;
}

/** Batch norm of vectors [N, D] and of maps [N, C, H, W]: one operation, PyTorch's two names. */
export { BatchNorm as BatchNorm1d, BatchNorm as BatchNorm2d };

/** max(x, 0), written over its input: what it follows (batch norm) does not need its output for the gradient. */
export class ReLU extends Module {
  override forward(input: Tensor): Tensor {
    return input.relu_();
  }
}

/** Maximum over k x k windows. */
export class MaxPool2d extends Module {
  readonly #kernelSize: number;
  readonly #stride: number;
  readonly #padding: number;

  constructor(kernelSize: number, { stride = kernelSize, padding = 0 }: ConvolutionOptions = {}) {
    super();
    this.#kernelSize = kernelSize;
    this.#stride = stride;
    this.#padding = padding;
  }

  override forward(input: Tensor): Tensor {
    return op.max_pool2d(input, this.#kernelSize, this.#stride, this.#padding);
  }
}

/** Mean over all places: [N, C, H, W] to [N, C]. */
export class GlobalAveragePool extends Module {
  override forward(input: Tensor): Tensor {
    return op.adaptive_avg_pool2d(input, [1, 1]).flatten(1); // [N, C]
  }
}

export class Identity extends Module {
  override forward(input: Tensor): Tensor {
    return input;
  }
}

/** Modules one after another; parameters are named by place ("0.weight"), as in PyTorch. */
export class Sequential extends Module {
  readonly #modules: readonly Module[];
  readonly [place: number]: Module;

  constructor(...modules: Module[]) {
    super();
    this.#modules = modules;
    Object.assign(this, modules);
  }

  override forward(input: Tensor): Tensor {
    return scope(() => this.#modules.reduce((value, module) => module.forward(value), input));
  }
}

export interface ProjectorOptions {
  /** Batch norm after every hidden Linear. Default true. */
  batchNorm?: boolean;
  /** Biases of the hidden Linears. Default false. */
  bias?: boolean;
  /** Bias of the last Linear. Default as `bias`. */
  lastBias?: boolean;
  /** Batch norm at the end: none, with scale but no shift, or with neither. Default "none". */
  lastNorm?: "none" | "scale" | "plain";
}

/**
 * Layers of the widths given, such as [2048, 2048, 2048]: [Linear, batch norm, ReLU] for every width but the last, then Linear.
 * Without options it is the projector of Barlow Twins (arXiv 2103.03230, section 2.2), whose Linears have no bias.
 */
export function projector(
  inputSize: number,
  widths: readonly number[],
  { batchNorm = true, bias = false, lastBias = bias, lastNorm = "none" }: ProjectorOptions = {},
): Sequential {
  const sizes = [inputSize, ...widths];
  const hidden = widths
    .slice(0, -1)
    .flatMap((width, i) => [
      new Linear(sizes[i]!, width, { bias }),
      ...(batchNorm ? [new BatchNorm(width)] : []),
      new ReLU(),
    ]);
  const last = widths.at(-1)!;
  const norms = lastNorm === "none" ? [] : [new BatchNorm(last, { affine: lastNorm === "scale", bias: false })];
  return new Sequential(...hidden, new Linear(sizes.at(-2)!, last, { bias: lastBias }), ...norms);
}
