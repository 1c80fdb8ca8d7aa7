/** LAYER 3: views of pictures. A recipe is data; its executor is batched tensor operations on the device. */
export { matrices } from "./crop.ts";
export {
  type Carried,
  type Carrier,
  carriedFeed,
  carrierTo,
  type Feed,
  feedTo,
  makeResident,
  plainFeed,
  type ResidentPictures,
  residentFeed,
} from "./feed.ts";
export * as imageOperations from "./operations.ts";
export { type PackedPictures, type PicturePlace, type PlacedBatch, packedPart } from "./packed.ts";
export { type ViewKey, type ViewParameters, viewParameters } from "./parameters.ts";
export {
  type BarlowTwinsViewsOptions,
  barlowTwinsViews,
  type Normalization,
  normalizations,
  type ViewRecipe,
  viewRecipeSchema,
} from "./recipe.ts";
export {
  type EvaluationView,
  evaluationImages,
  type MakeViewsOptions,
  type MiddleCrop,
  makeViews,
  publishedMiddle,
} from "./views.ts";
