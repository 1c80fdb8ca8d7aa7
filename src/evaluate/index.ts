/** LAYER 4: what a frozen representation is worth. Protocols are versioned; test labels choose nothing. */
export { corruptionNamed, refuseStrength } from "./corruptions/corrupt.ts";
export { allStrengths, type CorruptionName, corruptionNames } from "./corruptions/strengths.ts";
export { type ClassScore, type Evaluation, type LabelledTask, labelledTask, testLabels } from "./evaluation.ts";
export {
  type BadFile,
  batchFeatures,
  type ExtractOptions,
  extractFeatures,
  type FeatureBatch,
  type Features,
  type FeatureTable,
  featureBatches,
  featuresAt,
  featureTensor,
  rowsAt,
} from "./features.ts";
export { type HoldOut, splitFeatures, stratifiedHoldOut } from "./hold-out.ts";
export { budgetOf, type LabelBudget } from "./label-budget.ts";
export {
  type BankAndQueries,
  type BankOptions,
  bankAndQueries,
  type LabelledData,
  type LabelledOptions,
  noReading,
  openLabelled,
  trainAndTest,
} from "./labelled-data.ts";
export { type NeighbourOptions, type Neighbours, nearestNeighbours } from "./neighbours.ts";
export { type FewShotOptions, type FewShotResult, fewShot, spread } from "./protocols/few-shot.ts";
export {
  type FineTuneOptions,
  type FineTuneResult,
  type FineTuneRow,
  fineTune,
  type SeedScore,
  type TrunkSource,
} from "./protocols/fine-tune.ts";
export {
  evaluateKnn,
  type KnnOptions,
  unitLength,
  usualNeighbours,
  type WeightedKnn,
  weightedKnn,
} from "./protocols/knn.ts";
export { type LinearProbeOptions, type LinearProbeResult, linearProbe, probeLayer } from "./protocols/linear-probe.ts";
export {
  type EpochScore,
  type LinearScheduleName,
  linearSchedules,
  type ScheduledLinearOptions,
  type ScheduledLinearResult,
  scheduledLinear,
} from "./protocols/linear-schedules.ts";
export { classify, logisticRegression, withOnes } from "./protocols/logistic-regression.ts";
export {
  type Contestant,
  type CorruptionScore,
  type RelativeErrors,
  type RobustnessScore,
  relativeErrors,
  robustness,
  robustnessName,
} from "./protocols/robustness.ts";
export {
  alignment,
  rankMe,
  type UnlabelledQuality,
  uniformity,
  unlabelledQuality,
  type ViewedFeatures,
  viewedFeatures,
} from "./protocols/unlabelled.ts";
export {
  type BackboneFacts,
  backboneRepresentation,
  pixelRepresentation,
  type Representation,
  untrainedBackbone,
} from "./representation.ts";
export {
  companionsOf,
  isToldToAll,
  ofLeader,
  otherPictures,
  refuseToShare,
  type SharedPass,
  type Sharing,
  sharedBatches,
} from "./shared-batches.ts";
export {
  type BootstrapOptions,
  type Interval,
  meanInterval,
  seedInterval,
  statisticInterval,
} from "./statistics/interval.ts";
export { mcNemar, type PairedComparison, pairedComparison } from "./statistics/paired.ts";
export { kendall, spearman } from "./statistics/rank-correlation.ts";
export { averagePrecision } from "./svm/average-precision.ts";
export { linearSvm } from "./svm/dual-coordinate-descent.ts";
export {
  type ClassPrecision,
  type MultiLabelFeatures,
  oneAgainstRest,
  type SvmResult,
  svmCosts,
} from "./svm/one-against-rest.ts";
