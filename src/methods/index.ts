/** LAYER 3: one file for each method; this dictionary is the only place that lists them. */
import { barlowTwins } from "./barlow-twins.ts";
import type { Method } from "./method.ts";

export const methods = {
  "barlow-twins": barlowTwins,
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;

export { barlowTwinsFloor, barlowTwinsLoss, crossCorrelation } from "./barlow-twins.ts";
export type {
  Backbone,
  BuiltMethod,
  Method,
  MethodLoss,
  OptimizerDefaults,
  StepContext,
  TrainingDefaults,
} from "./method.ts";
