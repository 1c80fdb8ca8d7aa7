// A run's settings as data: those of the training first, those of the method beside them. Descriptions are what `selfsight settings` prints.
import { z } from "zod";
import { defaultRules, type ReadingRules } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { type Method, type MethodName, methodNamed, methods } from "../../methods/index.ts";
import { isTransformer, refuseUnfitBackbone, usualStem } from "../../nn/index.ts";
import { settingsRefusal } from "./refusal.ts";
import { fitted } from "./schema-words.ts";
import { merge } from "./setting-tree.ts";
import { type TrainingSettings, trainingSettings } from "./training-schema.ts";

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
    earlySize: null,
    earlyShare: 0.5,
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
    cudaGraph: false,
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
    holdOut: 0,
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

/** The run's views as they are where pictures are seen at another size: all sides in proportion. */
export const viewsOfSize = ({ views, size }: Pick<Settings, "views" | "size">, side: number): Settings["views"] =>
  views.map((view) => ({ ...view, size: Math.max(1, Math.round((view.size * side) / size)) }));

/** What a layer changes of those below it without naming it. */
function replacedBy(layer: PartialSettings, { size = 32, views }: PartialSettings): PartialSettings {
  const isByEpochs = typeof layer.epochs === "number" && layer.steps === undefined;
  const isResized = Array.isArray(views) && layer.views === undefined && Number.isInteger(layer.size);
  return {
    ...(isByEpochs && { steps: null }),
    ...(isResized && { views: viewsOfSize({ views, size }, layer.size!) }),
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
  const unfit = method.unfit?.(methodSettings(settings), settings);
  if (unfit !== undefined) throw new SelfsightError("configuration", `settings: ${unfit}`);
  checkEarlySize(settings);
  checkMicroBatch(method, settings);
}

function checkViews(method: Method, { views, size }: Settings): void {
  const least = method.takesMoreViews ? 2 : method.views(size).length;
  const most = method.takesMoreViews ? Number.POSITIVE_INFINITY : least;
  if (views.length >= least && views.length <= most) return;
  const needed = method.takesMoreViews ? `at least ${least}` : String(least);
  throw refusal(`${views.length} views`, `${method.title} needs ${needed}`, "give one recipe for each in views");
}

function checkEarlySize(settings: Settings): void {
  const { earlySize, size } = settings;
  if (earlySize === null) return;
  if (earlySize >= size)
    throw refusal(`earlySize ${earlySize} with size ${size}`, "a smaller side is needed", "lower it, or give null");
  for (const view of viewsOfSize(settings, earlySize)) refuseUnfitBackbone({ ...settings, size: view.size });
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
