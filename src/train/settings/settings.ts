// A run's settings as data: those of the training first, those of the method beside them. Descriptions are what `selfsight settings` prints.
import { z } from "zod";
import { viewRecipeSchema } from "../../augment/index.ts";
import { defaultRules, type ReadingRules } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { type Method, type MethodName, methodNamed, methods } from "../../methods/index.ts";
import { backboneNames, isTransformer, refuseUnfitBackbone, stems, usualStem } from "../../nn/index.ts";
import { settingsRefusal } from "./refusal.ts";
import { residentPictures } from "./residence.ts";
import { fitted } from "./schema-words.ts";
import { merge } from "./setting-tree.ts";

const count = z.number().int().positive();

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

const trainingSettings = z.strictObject({
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

type Intersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;
/** The settings of all methods; which of them a run may have follows from its method. */
export type MethodSettings = Intersection<Named<z.input<(typeof methods)[MethodName]["options"]>>>;
/** Leaves out methods without settings of their own. */
type Named<Options> = Options extends unknown ? (string extends keyof Options ? never : Options) : never;

/** A run's settings: those of the training, and of the method's own (`lambda`, `projector`, ...) those that it has. */
export type Settings = TrainingSettings & Partial<MethodSettings>;

/** A tree of settings, each left out or given. */
export type PartialSettings = PartialTraining & Partial<MethodSettings>;

export type PartialTraining = {
  [Key in keyof TrainingSettings]?: Key extends "optimizer"
    ? Partial<TrainingSettings["optimizer"]>
    : TrainingSettings[Key];
};

/**
 * Least pixels that the shorter side of a decoded file keeps. Crops are enlarged at most twofold in side on average; a seventh more
 * than the view keeps detail at modest cost.
 */
export const decodeSizeOf = ({ decodeSize, size }: Settings): number => decodeSize ?? Math.round((size * 8) / 7);

/** How a run reads the files of a folder, and whatever measures the run. */
export const rulesOf = ({ maxBadShare, range, bands }: Settings): ReadingRules => ({ maxBadShare, range, bands });

/** Errors: configuration, when the run's method is a program's own and that program did not bring it. */
export function methodOf({ method: name }: Pick<Settings, "method">): Method {
  const method = methodNamed(name);
  if (method) return method;
  throw refusal(
    `method ${displayName(name)}`,
    "it is none of Selfsight's, and its own file is needed",
    "give the method itself as the setting method to pretrain or resume",
  );
}

/** The method's own settings out of a run's. */
export function methodSettings(settings: Settings): ReturnType<Method["options"]["parse"]> {
  const { options } = methodOf(settings);
  const own = Object.keys(options.shape).map((key) => [key, (settings as Record<string, unknown>)[key]]);
  return options.parse(Object.fromEntries(own));
}

/** The whole schema of a run by one method. */
export const schemaFor = (method: Method) =>
  z.strictObject({
    ...trainingSettings.shape,
    ...(Object.hasOwn(methods, method.name) ? {} : named(z.literal(method.name))),
    ...method.options.shape,
  });

/** The name of a method that is not ours passes for one of ours: the types know no others. */
const named = (schema: z.ZodType<string>) => ({ method: schema as unknown as typeof trainingSettings.shape.method });

/** Settings as run.json holds them; a method that is not known keeps its own as they are. Errors: those of `fitted`. */
export function parseSettings(stored: unknown): Settings {
  const { method: name } = fitted(z.object({ method: z.string() }), stored, ["settings"]);
  const method = methodNamed(name);
  const loose = z.looseObject({ ...trainingSettings.shape, ...named(z.string()) });
  return fitted(method ? schemaFor(method) : loose, stored, ["settings"]) as Settings;
}

/** What holds where nobody says otherwise: ours below the method's own (its paper's), at the size that was given. */
export function defaultSettings({
  method: name = "barlow-twins",
  size = 32,
  backbone = "resnet18",
}: PartialSettings = {}): Settings {
  const method: Method = methodNamed(name) ?? methods["barlow-twins"];
  const base: Settings = {
    method: name,
    backbone,
    stem: usualStem(backbone, size),
    width: 64,
    zeroInitResidual: true,
    size,
    views: Number.isInteger(size) && size > 0 ? method.views(size) : [],
    batchSize: 256,
    microBatch: null,
    epochs: 100,
    steps: null,
    warmupEpochs: 0,
    warmupShare: 0.1,
    floor: 0,
    cosinePer: "step",
    optimizer: {
      name: "sgd",
      learningRate: 0.1,
      batchRule: "linear",
      biasLearningRate: null,
      weightDecay: 1e-4,
      decaysBiases: false,
      adaptsBiases: false,
      eta: 0.001,
      clipsRatio: false,
      momentum: 0.9,
    },
    precision: "auto",
    device: "auto",
    residentPictures: "auto",
    seed: 0,
    logEverySteps: 1,
    watchEverySteps: 20,
    observeEverySteps: 50,
    knnEveryEpochs: 1,
    onlineLinear: false,
    checkpointEverySteps: 0,
    checkpointEveryMinutes: 5,
    keepCheckpoints: 2,
    limit: null,
    decodeSize: null,
    ...defaultRules,
  };
  const layers = [method.defaults, isTransformer(backbone) ? transformerDefaults : {}];
  const training = layers.reduce<unknown>(merge, base) as Settings;
  return merge(training, { ...method.options.parse({}), ...method.newRuns }) as Settings;
}

/** In place of the method's own, which were made for batch norm: those of DINO (arXiv 2104.14294, section 3.2), decay constant. */
const transformerDefaults: PartialTraining = {
  warmupEpochs: 10,
  zeroInitResidual: false,
  optimizer: { name: "adamw", learningRate: 5e-4, batchRule: "linear", biasLearningRate: null, weightDecay: 0.04 },
};

/**
 * Settings from layers, later ones winning key by key: defaults < recipe < options < `--set`. Views follow a later `size` that brings no
 * views of its own, and a later length (`epochs` or `steps`) takes the place of an earlier one.
 * Errors: configuration, naming each wrong key, what was found and what is allowed, and for an unknown key the nearest one.
 */
export function resolveSettings(...layers: readonly PartialSettings[]): Settings {
  const given = layers.reduce<PartialSettings>(
    (merged, layer) => merge(merge(merged, replacedBy(layer, merged)), layer) as PartialSettings,
    {},
  );
  const defaults = defaultSettings(given);
  const whole = merge(defaults, given);
  const method: Method = methodNamed(defaults.method) ?? methods["barlow-twins"];
  const schema = schemaFor(method);
  const parsed = schema.safeParse(whole);
  if (!parsed.success) throw settingsRefusal(parsed.error, { method, given: whole, schema, known: defaults });
  checkTogether(parsed.data);
  return parsed.data;
}

/** What a layer changes of those below it without naming it. */
function replacedBy(layer: PartialSettings, { size = 32, views }: PartialSettings): PartialSettings {
  const isByEpochs = typeof layer.epochs === "number" && layer.steps === undefined;
  const isResized = Array.isArray(views) && layer.views === undefined && Number.isInteger(layer.size);
  const resized = (side: number) => Math.max(1, Math.round((side * layer.size!) / size));
  return {
    ...(isByEpochs && { steps: null }),
    ...(isResized && { views: views.map((view) => ({ ...view, size: resized(view.size) })) }),
  };
}

/** What no single key can say. */
function checkTogether(settings: Settings): void {
  const { batchSize, optimizer, epochs, steps } = settings;
  const method = methodOf(settings);
  const smallest = method.smallestBatch(methodSettings(settings));
  if (batchSize < smallest)
    throw refusal(`batchSize ${batchSize}`, `${method.title} needs at least ${smallest}`, "raise --batch");
  if (optimizer.learningRate === "authors" && optimizer.name !== "lars")
    throw refusal(
      `optimizer.learningRate authors with ${optimizer.name}`,
      "the authors' rates hold for lars",
      "give a number",
    );
  if (epochs === null && steps === null)
    throw refusal("neither epochs nor steps", "one of them is needed", "give --epochs or --steps");
  for (const { size } of [settings, ...settings.views]) refuseUnfitBackbone({ ...settings, size });
  checkViews(method, settings);
  checkMicroBatch(method, settings);
}

function checkViews(method: Method, { views, size }: Settings): void {
  const least = method.takesMoreViews ? 2 : method.views(size).length;
  const most = method.takesMoreViews ? Number.POSITIVE_INFINITY : least;
  if (views.length >= least && views.length <= most) return;
  const needed = method.takesMoreViews ? `at least ${least}` : String(least);
  throw refusal(`${views.length} views`, `${method.title} needs ${needed}`, "give one recipe for each in views");
}

function checkMicroBatch({ couplesImages, title }: Method, { microBatch, batchSize }: Settings): void {
  if (microBatch === null) return;
  if (!couplesImages)
    throw refusal(
      `microBatch ${microBatch} with ${title}`,
      "its loss is a mean over images, so a smaller batch teaches the same at a lower rate",
      "lower --batch in place of it",
    );
  if (microBatch < 2 || batchSize % microBatch !== 0)
    throw refusal(
      `microBatch ${microBatch}`,
      `equal parts of at least 2 images of a batch of ${batchSize} are needed`,
      `give a divisor of ${batchSize}`,
    );
}

const refusal = (given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `settings: ${given}; ${needed}; ${advice}`);
