// A run's settings as data. Those of the training stand first; those of the method (lambda, projector, ...) beside them.
import { z } from "zod";
import { viewRecipeSchema } from "../../augment/index.ts";
import { SelfsightError } from "../../errors.ts";
import { type Method, type MethodName, methods } from "../../methods/index.ts";
import { backboneNames, stems } from "../../nn/index.ts";
import { settingsRefusal } from "./refusal.ts";
import { merge } from "./setting-tree.ts";

const count = z.number().int().positive();

const optimizerSettings = z.strictObject({
  name: z.enum(["sgd", "lars", "adamw"]),
  /** Peak rate of weights, before `batchRule`. "authors": the Barlow Twins authors' rate by batch (LARS only). */
  learningRate: z.union([z.number().nonnegative().max(1000), z.literal("authors")], {
    error: "a number from 0 to 1000, or authors",
  }),
  /** linear: x batch / 256; sqrt: x √batch; none: as it is. */
  batchRule: z.enum(["linear", "sqrt", "none"]),
  /** The same for biases and norm parameters; null: as the weights. */
  biasLearningRate: z.number().nonnegative().max(1000).nullable(),
  weightDecay: z.number().nonnegative().max(1),
  /** Whether biases and norm parameters decay too. */
  decaysBiases: z.boolean(),
  /** LARS only: whether the rates of biases and norm parameters are adapted too (SwAV). */
  adaptsBiases: z.boolean(),
  /** LARS only: the share of a weight's norm that a step changes at rate 1 (its trust coefficient). */
  eta: z.number().positive().max(1).default(0.001),
  /** LARS only: whether a step is never longer than SGD's (solo-learn on CIFAR). */
  clipsRatio: z.boolean().default(false),
  momentum: z.number().min(0).lt(1),
});

const trainingSettings = z.strictObject({
  method: z.enum(Object.keys(methods) as [MethodName]),
  backbone: z.enum(backboneNames),
  stem: z.enum(stems),
  /** Channels of the trunk's first stage. */
  width: count.max(1024),
  zeroInitResidual: z.boolean(),
  /** Side of the square views in pixels. */
  size: count.min(8).max(1024),
  views: z.array(viewRecipeSchema).min(1),
  /** Images in one step, over all processes. */
  batchSize: count,
  /** Images that pass through the trunk at a time, for batches larger than memory; null: all. */
  microBatch: count.nullable(),
  epochs: count.nullable(),
  /** Takes the place of epochs when given. */
  steps: count.nullable(),
  warmupEpochs: z.number().nonnegative(),
  /** The warm-up is at most this share of the run, so that a shortened one warms up in proportion. Runs that began without it: 1. */
  warmupShare: z.number().min(0).max(1).default(1),
  /** Last learning rate as a share of the peak. */
  floor: z.number().min(0).max(1),
  /** Whether the rate follows the cosine at every step or at every epoch. */
  cosinePer: z.enum(["step", "epoch"]),
  optimizer: optimizerSettings,
  precision: z.enum(["auto", "bf16", "fp32"]),
  device: z.string().regex(/^(auto|cpu|cuda(:\d+)?)$/, "auto, cpu, cuda or cuda:N"),
  seed: z.number().int().min(0).max(4294967295),
  logEverySteps: count,
  /** Collapse watch; 0 switches it off. */
  watchEverySteps: z.number().int().nonnegative(),
  /** kNN on held-out pictures where there are labels; 0 switches it off. */
  knnEveryEpochs: z.number().int().nonnegative(),
  /** 0: by minutes alone. */
  checkpointEverySteps: z.number().int().nonnegative(),
  checkpointEveryMinutes: z.number().positive(),
  keepCheckpoints: count,
  /** Reads at most so many images of the data; null: all. */
  limit: count.nullable(),
  /** Least pixels that the shorter side of a decoded file keeps; null: from the size of the views. */
  decodeSize: count.nullable(),
});

export type Settings = z.infer<typeof trainingSettings>;

type Intersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;
/** The settings of all methods; which of them a run may have follows from its method. */
type MethodSettings = Intersection<Named<z.input<(typeof methods)[MethodName]["options"]>>>;
/** Leaves out methods without settings of their own. */
type Named<Options> = Options extends unknown ? (string extends keyof Options ? never : Options) : never;

/** A tree of settings, each left out or given. */
export type PartialSettings = {
  [Key in keyof Settings]?: Key extends "optimizer" ? Partial<Settings["optimizer"]> : Settings[Key];
} & Partial<MethodSettings>;

/**
 * Least pixels that the shorter side of a decoded file keeps. Crops are enlarged at most twofold in side on average; a seventh more
 * than the view keeps detail at modest cost.
 */
export const decodeSizeOf = ({ decodeSize, size }: Settings): number => decodeSize ?? Math.round((size * 8) / 7);

export const methodOf = (settings: Pick<Settings, "method">): Method => methods[settings.method];

/** The method's own settings out of a run's. */
export function methodSettings(settings: Settings): ReturnType<Method["options"]["parse"]> {
  const { options } = methodOf(settings);
  const own = Object.keys(options.shape).map((key) => [key, (settings as Record<string, unknown>)[key]]);
  return options.parse(Object.fromEntries(own));
}

/** The whole schema of a run by one method. */
const schemaFor = (method: Method) => z.strictObject({ ...trainingSettings.shape, ...method.options.shape });

/** Settings as run.json holds them. Errors: zod's. */
export function parseSettings(stored: unknown): Settings {
  const { method } = z.object({ method: trainingSettings.shape.method }).parse(stored);
  return schemaFor(methods[method]).parse(stored);
}

/** What holds where nobody says otherwise: ours below the method's own (its paper's), at the size that was given. */
export function defaultSettings({ method: name = "barlow-twins", size = 32 }: PartialSettings = {}): Settings {
  const method: Method = Object.hasOwn(methods, name) ? methods[name] : methods["barlow-twins"];
  const base: Settings = {
    method: name,
    backbone: "resnet18",
    stem: size <= 64 ? "small" : "imagenet",
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
    seed: 0,
    logEverySteps: 1,
    watchEverySteps: 20,
    knnEveryEpochs: 1,
    checkpointEverySteps: 0,
    checkpointEveryMinutes: 5,
    keepCheckpoints: 2,
    limit: null,
    decodeSize: null,
  };
  return merge(merge(base, method.defaults), { ...method.options.parse({}), ...method.newRuns }) as Settings;
}

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
  const parsed = schemaFor(methods[defaults.method] ?? methods["barlow-twins"]).safeParse(whole);
  if (!parsed.success) throw settingsRefusal(parsed.error, whole, defaults);
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
