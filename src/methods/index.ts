/** LAYER 3: one file for each method; this dictionary is the only place that lists them. */
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

export { barlowTwinsFloor, barlowTwinsLoss, crossCorrelation } from "./barlow-twins.ts";
export { byolLoss } from "./byol.ts";
export type {
  Backbone,
  BuiltMethod,
  Method,
  MethodLoss,
  OptimizerDefaults,
  StepContext,
  Surroundings,
  TrainingDefaults,
} from "./method.ts";
export { mocoLoss } from "./moco-v2.ts";
export { ntXentLoss } from "./simclr.ts";
export { simsiamLoss } from "./simsiam.ts";
export { supervisedLoss } from "./supervised.ts";
export { sinkhornCodes, swavLoss } from "./swav.ts";
export { vicregLoss } from "./vicreg.ts";
export { mocoViews, simclrViews, supervisedViews, swavViews, type ViewsOptions } from "./views.ts";
