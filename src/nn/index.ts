/** LAYER 2: networks and how they learn. */
export {
  type BackboneName,
  type BackboneNetwork,
  type BackboneOptions,
  backboneNames,
  isTransformer,
  makeBackbone,
  refuseUnfitBackbone,
  type Stem,
  stems,
  usualStem,
} from "./backbone.ts";
export {
  BatchNorm,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  type ConvolutionOptions,
  Doubling2d,
  GlobalAveragePool,
  Identity,
  Linear,
  MaxPool2d,
  normalizeInGroups,
  type ProjectorOptions,
  projector,
  ReLU,
  Sequential,
} from "./layers.ts";
export {
  freeNetwork,
  loadState,
  loadTensors,
  Module,
  modulesIn,
  moveNetwork,
  type Network,
  namedParameters,
  setRequiresGrad,
  stateOf,
} from "./module.ts";
export {
  adamw,
  type FollowedNumbers,
  freeOptimizer,
  lars,
  type Optimizer,
  type ParameterGroup,
  sgd,
} from "./optimizers.ts";
export { loadParameterFormula } from "./parameter-formula.ts";
export { type Places, placesOf, withPlaces } from "./places.ts";
export {
  ResNet,
  type ResNetName,
  type ResNetOptions,
  type ResNetStem,
  resnet,
  resnetDepths,
  resnetNames,
  resnetStems,
} from "./resnet.ts";
export { authorsBaseRate, type WarmupCosine, type WarmupSteps, warmupCosine, warmupSteps } from "./schedules.ts";
export {
  areFinite,
  lateRecognition,
  lateStatistics,
  type RepresentationStatistics,
  representationStatistics,
  type StatisticsOptions,
  twinRecognition,
} from "./statistics.ts";
export {
  headsOf,
  LayerNorm,
  type PatchStem,
  patchSideOf,
  patchStems,
  positionsFor,
  type TransformerName,
  type TransformerOptions,
  transformerDepth,
  transformerNames,
  VisionTransformer,
} from "./transformer.ts";
