import { addon } from "./addon.ts";
import { engineCall } from "./operators.ts";
import { Tensor } from "./tensor.ts";

/**
 * Augmented views [N, 3, S, S], float32, channels-last in memory, of the pictures in `bytes`, made by one call of the addon. Recipe
 * and jobs are numbers in the order of native/views.cc; src/augment/fused-views.ts writes them.
 */
export const fusedViews = (bytes: Tensor, recipe: Float64Array, jobs: Float64Array): Tensor =>
  new Tensor(engineCall("views", [bytes], () => addon().views(bytes.handle, recipe, jobs)));
