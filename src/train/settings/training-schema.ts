// The settings that every run has, as data; the method's own stand beside them (settings.ts).
import { z } from "zod";
import { viewRecipeSchema } from "../../augment/index.ts";
import { defaultRules } from "../../data/index.ts";
import { type MethodName, methods } from "../../methods/index.ts";
import { backboneNames, stems } from "../../nn/index.ts";
import { residentPictures } from "./residence.ts";

const count = z.number().int().positive();

// Descriptions are what `selfsight settings` prints.
const optimizerSettings = z.strictObject({
  name: z.enum(["sgd", "lars", "adamw"]).describe("how gradients move the weights"),
  learningRate: z
    .union([z.number().nonnegative().max(1000), z.literal("authors")])
    .describe(
      "peak rate of weights, before batchRule; authors: the Barlow Twins authors' rate for the batch, with lars only",
    ),
  batchRule: z
    .enum(["linear", "sqrt", "none"])
    .describe("how the batch scales the rate: x batch / 256, x the root of the batch, or not at all"),
  biasLearningRate: z
    .number()
    .nonnegative()
    .max(1000)
    .nullable()
    .describe("peak rate of biases and norm parameters, before batchRule; null: that of the weights"),
  weightDecay: z.number().nonnegative().max(1).describe("pull of the weights towards 0"),
  decaysBiases: z.boolean().describe("whether biases and norm parameters decay too"),
  adaptsBiases: z
    .boolean()
    .describe("lars: whether the rates of biases and norm parameters are adapted too, as in SwAV"),
  eta: z
    .number()
    .positive()
    .max(1)
    .default(0.001)
    .describe("lars: the share of a weight's norm that a step changes at rate 1, its trust coefficient"),
  clipsRatio: z
    .boolean()
    .default(false)
    .describe("lars: whether a step is never longer than SGD's, as in solo-learn on CIFAR"),
  momentum: z.number().min(0).lt(1).describe("share of the last step that the next one keeps; sgd and lars"),
});

export const trainingSettings = z.strictObject({
  method: z.enum(Object.keys(methods) as [MethodName]).describe("what the network learns by"),
  backbone: z.enum(backboneNames).describe("the trunk, whose features are kept"),
  stem: z
    .enum(stems)
    .describe(
      "the trunk's first layers: small for pictures of up to 64 pixels, imagenet above; of a vision transformer the side of its patches",
    ),
  width: count.max(1024).describe("channels of a residual network's first stage, or of a transformer's head"),
  zeroInitResidual: z.boolean().describe("whether each residual block starts as the identity"),
  size: count.min(8).max(1024).describe("side of the square views in pixels"),
  views: z
    .array(viewRecipeSchema)
    .min(1)
    .meta({ needed: "a list of one recipe for each view" })
    .describe("how pictures are changed before the network sees them; views.0, views.1 ... one, views.* all"),
  /** Runs that began without it: null. */
  earlySize: count
    .min(8)
    .max(1024)
    .nullable()
    .default(null)
    .describe("side of the views in the first part of the run, smaller than size; null: no such part"),
  /** Runs that began without it: 0.5. */
  earlyShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe("share of the epochs, to the nearest whole one, whose views have the side earlySize"),
  batchSize: count.describe("images in one step, over all processes"),
  microBatch: count
    .nullable()
    .describe("images that pass through the trunk at a time, for batches larger than memory; null: all"),
  epochs: count.nullable().describe("passes over the data"),
  steps: count.nullable().describe("steps, in place of epochs"),
  warmupEpochs: z.number().nonnegative().describe("epochs in which the learning rate rises from 0 to its peak"),
  /** Runs that began without it: 1. */
  warmupShare: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe("largest share of the run that warms up, so that a shortened one does in proportion"),
  floor: z.number().min(0).max(1).describe("last learning rate as a share of the peak"),
  cosinePer: z.enum(["step", "epoch"]).describe("whether the rate follows the cosine at every step or every epoch"),
  optimizer: optimizerSettings.describe("how gradients move the weights"),
  precision: z
    .enum(["auto", "bf16", "fp32"])
    .describe("of convolutions and matrix products; auto: bf16 where it is fast"),
  device: z
    .string()
    .regex(/^(auto|cpu|cuda(:\d+)?)$/)
    .meta({ needed: "auto, cpu, cuda or cuda:N" })
    .describe("where the network runs; auto: the first GPU, else the processor"),
  residentPictures,
  /** Runs that began without it: false. */
  cudaGraph: z
    .boolean()
    .default(false)
    .describe(
      "whether a GPU's steps are captured once and played back, which saves the host's calls and costs a step's memory once more",
    ),
  seed: z.number().int().min(0).max(4294967295).describe("what all random choices follow from"),
  logEverySteps: count.describe("steps from one line of the log to the next"),
  watchEverySteps: z.number().int().nonnegative().describe("steps from one look for collapse to the next; 0: none"),
  /** Runs that began without it: 0. */
  observeEverySteps: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe("steps from one picture of the training (matrix, spectrum, histograms) to the next; 0: none"),
  knnEveryEpochs: z
    .number()
    .int()
    .nonnegative()
    .describe("epochs from one kNN on held-out pictures to the next, where there are labels; 0: none"),
  /** Runs that began without it: false. */
  onlineLinear: z
    .boolean()
    .default(false)
    .describe(
      "whether a linear classifier learns beside the trunk, where there are labels; measured whenever kNN is, the trunk never feels it",
    ),
  checkpointEverySteps: z.number().int().nonnegative().describe("steps from one save to the next; 0: by minutes alone"),
  checkpointEveryMinutes: z.number().positive().describe("minutes from one save to the next"),
  keepCheckpoints: count.describe("checkpoints that stay; older ones go"),
  limit: count.nullable().describe("reads at most so many images of the data; null: all"),
  /** Runs that began without it: 0. */
  holdOut: z
    .number()
    .min(0)
    .max(0.5)
    .default(0)
    .describe(
      "share of the images that is kept out of training: kNN while training asks for those, and all others vote; 0: none",
    ),
  decodeSize: count
    .nullable()
    .describe("least pixels that the shorter side of a decoded file keeps; null: from the size of the views"),
  maxBadShare: z
    .number()
    .min(0)
    .max(1)
    .default(defaultRules.maxBadShare)
    .describe("share of undecodable files that are left out before reading stops; ten always are, unless it is 0"),
  range: z
    .tuple([z.number(), z.number()])
    .refine(([low, high]) => low < high, "two numbers, the lower first, are needed, such as [0, 1]")
    .meta({ needed: "a list of two numbers, the lower first," })
    .nullable()
    .default(null)
    .describe("samples of more than 8 bits that are black and white; null: as the file declares them"),
  bands: z
    .array(count)
    .refine(({ length }) => length === 1 || length === 3, "one or three bands are needed, such as [1, 2, 3]")
    .meta({ needed: "a list of one or three bands, counted from 1," })
    .nullable()
    .default(null)
    .describe("bands that are shown as grey, or as red, green and blue; null: the file's colours"),
});

/** What every run has, whatever it learns by; `selfsight settings` says what each means. */
export type TrainingSettings = z.infer<typeof trainingSettings>;
