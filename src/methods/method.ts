// N images (global batch), V views, D features of an embedding
import type { z } from "zod";
import type { ViewRecipe } from "../augment/index.ts";
import { CallError } from "../errors.ts";
import type { Module, Network } from "../nn/index.ts";
import { indexTensor, type Tensor } from "../torch/index.ts";

/** A backbone as a method sees it: images [N, 3, H, W] to representations [N, outputSize]. */
export type Backbone = Module & { readonly outputSize: number };

/** What a step's loss is made of; `metrics` are scalars for the log, under the log's names. */
export interface MethodLoss {
  loss: Tensor; // []
  metrics: Record<string, Tensor>;
}

/** Where a run stands, and what is known of the batch. */
export interface StepContext {
  /** Steps done. */
  step: number;
  totalSteps: number;
  stepsPerEpoch: number;
  /** The run's; what a method draws at random is keyed by it and the step. */
  seed: number;
  /** Classes of the whole batch's images [N], int64, where there are labels. */
  labels?: Tensor;
  /** Where steps are captured once and played back: gives what differs from step to step; see `stepNumber` and `stepRows`. */
  following?: Following;
}

/** Tensors that hold a step's own numbers in each step, though the work on them was captured in another one. */
export interface Following {
  /** [] float32. */
  number(of: (at: StepContext) => number): Tensor;
  /** [K] int64. */
  rows(of: (at: StepContext) => Uint32Array): Tensor;
}

/** A number that is another in each step, such as a teacher's momentum; a tensor [] where steps are played back. */
export const stepNumber = (context: StepContext, of: (at: StepContext) => number): number | Tensor =>
  context.following?.number(of) ?? of(context);

/** Indices of rows that are others in each step, [K] int64. */
export const stepRows = (context: StepContext, device: string, of: (at: StepContext) => Uint32Array): Tensor =>
  context.following?.rows(of) ?? indexTensor(of(context), device);

/** A method with its networks, ready to train. */
export interface BuiltMethod {
  /** What is learned and saved, such as `{ backbone, projector }`. */
  trainable: Readonly<Record<string, Network>>;
  /** Saved but not learned by gradients: teachers, queues. */
  frozen?: Readonly<Record<string, Network>>;
  /**
   * Names in `trainable` that `loss` reads by itself (SwAV's prototypes). Among several processes each computes the whole loss, so their
   * gradients are whole already; those of all else are sums over the processes.
   */
  readByLoss?: readonly string[];
  /** Names in `trainable` whose learning rate stays at its peak (SimSiam's predictor). */
  constantRate?: readonly string[];
  /**
   * The trunk's part: views, each [N, 3, S, S], to representations, each [N, outputSize]. Images meet in batch norm only, so
   * a step by micro-batches calls it on parts of the batch.
   */
  represent(views: readonly Tensor[], context: StepContext): Tensor[];
  /** The heads' part: representations of the batch (this process's rows of it) to what the loss compares. The collapse watch looks at the first. */
  embed(representations: readonly Tensor[], context: StepContext): Tensor[]; // each [N, D]
  /** The loss of the whole batch from `embed`'s results; float32. It changes nothing, so it may be asked again. */
  loss(embeddings: readonly Tensor[], context: StepContext): MethodLoss;
  /** How many pictures the trunk's batch norm sees together when `images` images are passed at a time. Default: a view of each. */
  batchNormImages?(images: number): number;
  /** What the work of a step depends on beside numbers, such as whether a queue is full: a step is played back in its own phase only. */
  phase?(context: StepContext, batchSize: number): string;
  /** Between the gradients and the optimizer, such as freezing prototypes at the start. */
  beforeUpdate?(context: StepContext): void;
  /**
   * What the contrast of a batch's embeddings looks like, for whoever watches the run: cosines of a picture's own views [P], and of
   * different pictures, of any shape. Of methods that compare pictures with others.
   */
  similarities?(embeddings: readonly Tensor[]): { positives: Tensor; negatives: Tensor };
  /** Scores of the first view's embeddings for each prototype [N, K], for whoever watches the run. Of methods that have prototypes. */
  assignments?(embeddings: readonly Tensor[]): Tensor;
  /** After the optimizer: teachers, queues, norms. */
  afterUpdate?(context: StepContext, embeddings: readonly Tensor[]): void;
}

/** How the paper trains the method, in the names of the settings; a recipe may say otherwise. */
export interface TrainingDefaults {
  batchSize?: number;
  warmupEpochs?: number;
  /** Last learning rate as a share of the peak. */
  floor?: number;
  /** Whether the rate follows the cosine at every step or at every epoch. */
  cosinePer?: "step" | "epoch";
  zeroInitResidual?: boolean;
  optimizer?: Partial<OptimizerDefaults>;
}

export interface OptimizerDefaults {
  name: "sgd" | "lars" | "adamw";
  /** For a batch of 256 under "linear". "authors": the Barlow Twins authors' table by batch. */
  learningRate: number | "authors";
  /** linear: x batch / 256; sqrt: x √batch; none: as it is. */
  batchRule: "linear" | "sqrt" | "none";
  /** The same for biases and norm parameters; null: as the weights. */
  biasLearningRate: number | null;
  weightDecay: number;
  decaysBiases: boolean;
  adaptsBiases: boolean;
  eta: number;
  clipsRatio: boolean;
  momentum: number;
}

/** What the method's file says about the method. `Shape` are its own settings, all with defaults. */
export interface Method<Shape extends z.ZodRawShape = z.ZodRawShape> {
  readonly name: string;
  readonly title: string;
  /** arXiv id of the paper. */
  readonly paper: string;
  /** The smallest batch for which the loss has a meaning, with these options. */
  smallestBatch(options: z.output<z.ZodObject<Shape>>): number;
  /** Whether it learns from labels. Default false. */
  readonly needsLabels?: boolean;
  /**
   * Whether the loss compares the images of a batch with one another. Only then is a step by micro-batches more than a mean
   * over smaller steps, and only then is it offered. Default false.
   */
  readonly couplesImages?: boolean;
  /** Whether the loss sees how long embeddings are, and wants each feature's std to be 1. Default false: directions alone. */
  readonly comparesLengths?: boolean;
  /** Whether the loss forbids features to repeat each other. Default false. */
  readonly decorrelates?: boolean;
  /** Whether further views may follow those of `views` (SwAV's small crops). Default false. */
  readonly takesMoreViews?: boolean;
  /** Why a run cannot have these options with its other settings: `given; needed; advice`. Default: it can. */
  unfit?(options: z.output<z.ZodObject<Shape>>, run: RunShape): string | undefined;
  readonly options: z.ZodObject<Shape>;
  /**
   * Own settings that may change while a run trains. `build` is given one object of options for the life of the run, and these change
   * in it: so the step reads them from there each time. Default none.
   */
  readonly steerable?: readonly (keyof Shape & string)[];
  readonly defaults: TrainingDefaults;
  /** Own settings of new runs where these differ from the defaults in `options`, by which older runs are read. Default none. */
  readonly newRuns?: Readonly<Record<string, unknown>>;
  /** The paper's view recipes at this image size. */
  views(size: number): ViewRecipe[];
  /** Least value that the loss can have on a finite batch, where that is known. */
  floor?(options: z.output<z.ZodObject<Shape>>, batchSize: number): number;
  build(backbone: Backbone, options: z.output<z.ZodObject<Shape>>, surroundings: Surroundings): BuiltMethod;
}

/** What passes through a run's networks. */
export interface RunShape {
  batchSize: number;
  microBatch: number | null;
  views: readonly ViewRecipe[];
}

/** What a method may need besides its trunk and options. */
export interface Surroundings {
  /** Classes of the data; 0 without labels. */
  classes: number;
  /** Another trunk of the run's kind, for a teacher. */
  makeBackbone(): Backbone;
}

/** Keeps the types of a method's options together while it is written down. */
export const defineMethod = <Shape extends z.ZodRawShape, const Name extends string>(
  method: Method<Shape> & { readonly name: Name },
): Method<Shape> & { readonly name: Name } => method;

/** Refuses tensors that are not two equal [N, D] matrices of at least `smallestBatch` rows. */
export function expectPair(operation: string, zA: Tensor, zB: Tensor, smallestBatch = 1): void {
  const isPair = zA.shape.length === 2 && zA.shape.join() === zB.shape.join() && zA.size(0) >= smallestBatch;
  if (isPair) return;
  const given = `[${zA.shape.join(", ")}] and [${zB.shape.join(", ")}]`;
  const rows = smallestBatch > 1 ? `, N at least ${smallestBatch},` : "";
  throw new CallError(
    `${operation}: ${given}; two matrices of one shape [N, D]${rows} are needed; give the embeddings of two views of one batch`,
  );
}
