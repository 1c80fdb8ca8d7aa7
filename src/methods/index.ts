/** LAYER 3: one file for each method; this dictionary is the only place that lists them. */
import { SelfsightError } from "../errors.ts";
import { barlowTwins } from "./barlow-twins.ts";
import { byol } from "./byol.ts";
import type { Method } from "./method.ts";
import { mocoV2 } from "./moco-v2.ts";
import { simclr } from "./simclr.ts";
import { simsiam } from "./simsiam.ts";
import { supervised } from "./supervised.ts";
import { swav } from "./swav.ts";
import { vicreg } from "./vicreg.ts";

export const methods = {
  "barlow-twins": barlowTwins,
  simclr,
  "moco-v2": mocoV2,
  byol,
  swav,
  simsiam,
  supervised,
  vicreg,
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;

/** What the setting `method` may be, besides a method of one's own. */
export const methodNames = Object.keys(methods) as readonly MethodName[];

/** Methods that a program brought with it, by their names. */
const brought = new Map<string, Method>();

/** A method by its name: ours, or one that was brought; undefined where there is none. */
export const methodNamed = (name: string): Method | undefined =>
  Object.hasOwn(methods, name) ? methods[name as MethodName] : brought.get(name);

/** Makes a program's own method known by its name. Errors: configuration, when it is none, or its name is one of ours. */
export function bringMethod(method: Method): void {
  const { name, build } = method ?? {};
  if (typeof name !== "string" || typeof build !== "function")
    throw new SelfsightError(
      "configuration",
      "method: an object without name and build; a method is needed; make it with defineMethod, or give the name of one of Selfsight's",
    );
  if (Object.hasOwn(methods, name) && methods[name as MethodName] !== method)
    throw new SelfsightError(
      "configuration",
      `method ${name}: Selfsight has one of this name; a name of its own is needed; choose another`,
    );
  if (!Object.hasOwn(methods, name)) brought.set(name, method);
}

export { barlowTwinsFloor, barlowTwinsLoss, crossCorrelation } from "./barlow-twins.ts";
export { byolLoss, type Prediction } from "./byol.ts";
export {
  type Backbone,
  type BuiltMethod,
  defineMethod,
  expectPair,
  type Following,
  type Method,
  type MethodLoss,
  type OptimizerDefaults,
  type RunShape,
  type StepContext,
  type Surroundings,
  stepNumber,
  stepRows,
  type TrainingDefaults,
} from "./method.ts";
export { mocoLoss } from "./moco-v2.ts";
export {
  asTeacher,
  cosines,
  crossEntropy,
  EmbeddingQueue,
  inFloat32,
  lastWidth,
  momentumAt,
  momentumOptions,
  moveTowards,
  normalized,
  pairSimilarities,
  projectorWidths,
  temperature,
  widthsOf,
} from "./parts.ts";
export { ntXentLoss } from "./simclr.ts";
export { simsiamLoss } from "./simsiam.ts";
export { supervisedLoss } from "./supervised.ts";
export { type CodeOptions, type SwavLossOptions, sinkhornCodes, swavLoss } from "./swav.ts";
export { type VicregWeights, vicregLoss } from "./vicreg.ts";
export { mocoViews, simclrViews, supervisedViews, swavViews, type ViewsOptions } from "./views.ts";
