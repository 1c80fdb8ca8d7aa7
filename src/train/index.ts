/** LAYER 4: what a run is, and the step. */
export {
  type Checkpoint,
  checkpointNames,
  loadCheckpoint,
  loadNewestCheckpoint,
  saveCheckpoint,
} from "./checkpoint.ts";
export { type LogEvent, logPath, type RunFacts, readLog, type StepReport } from "./log.ts";
export { createRunFolder, lockRunFolder, type RunFile, readRun, runPath, settingsHash } from "./run-folder.ts";
export {
  defaultSettings,
  methodOf,
  methodSettings,
  type PartialSettings,
  parseSettings,
  resolveSettings,
  type Settings,
  settingFrom,
} from "./settings.ts";
export {
  buildMethod,
  buildState,
  checkpointOf,
  chosenDevice,
  chosenPrecision,
  peakRates,
  restore,
  scheduleFactor,
  type TrainState,
} from "./state.ts";
export { type StepResult, trainStep } from "./step.ts";
export { type TrainOptions, type TrainResult, train } from "./trainer.ts";
export { collapseWatch, type RepresentationHealth } from "./watch.ts";
