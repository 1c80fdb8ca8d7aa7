/** LAYER 4: what a run is, and the step. */

export { StepGraphs, type StepInputs, type StepOfRun, type StepWork, type Terms } from "./graph/step-graphs.ts";
export type { Sight, StepObserver } from "./observe/observer.ts";
export {
  type Line,
  makeObservations,
  observationsPath,
  openLines,
  readLines,
  tellingOnce,
} from "./observe/store.ts";
export { type OnlineHead, type OnlineLinear, onlineParts } from "./online/online-linear.ts";
export { secondsPerStep } from "./pace.ts";
export { freeResidence, openFeed, openResidence, type Residence } from "./pictures/residence.ts";
export {
  type Checkpoint,
  type CheckpointContent,
  type CheckpointState,
  checkpointNames,
  loadCheckpoint,
  loadNewestCheckpoint,
  saveCheckpoint,
  setAsideAfter,
} from "./run/checkpoint.ts";
export { describeChanges, writeDataList } from "./run/data-list.ts";
export { createRunFolder, type RunFile, readRun, refuseUsedFolder, runPath } from "./run/folder.ts";
export { type GoOnOptions, goOnWithRun } from "./run/go-on.ts";
export { lockRunFolder, refuseLockedFolder, seemsAtWork } from "./run/lock.ts";
export {
  type ActEvent,
  type Alarm,
  type Log,
  type LogEvent,
  type LossParts,
  logPath,
  openLog,
  type Proposal,
  type RunFacts,
  readLog,
  type StepReport,
  withoutRepeats,
} from "./run/log.ts";
export { differenceOfMachines, resumedSettings, settingsHash } from "./run/resume.ts";
export {
  freeFolder,
  nameOf,
  newRun,
  openTrainingData,
  type PreparedRun,
  type StartOptions,
  startRun,
} from "./run/start.ts";
export {
  type PrunedRun,
  prunableCheckpoints,
  pruneRun,
  type RunState,
  type RunSummary,
  runFoldersBelow,
  surveyRun,
} from "./run/survey.ts";
export { Meter, type OnlineScore, type TrainOptions } from "./session.ts";
export { assignmentFrom, settingFrom } from "./settings/assignment.ts";
export { type SettingFacts, settingsJsonSchema, settingsOf, settingsSchema } from "./settings/listing.ts";
export { refuseUnfit } from "./settings/refusal.ts";
export type { RunSettings } from "./settings/run-settings.ts";
export { fitted, neededFor } from "./settings/schema-words.ts";
export { type Change, changesBetween } from "./settings/setting-tree.ts";
export {
  decodeSizeOf,
  defaultSettings,
  type MethodSettings,
  methodOf,
  methodSettings,
  type PartialSettings,
  type PartialTraining,
  parseSettings,
  resolveSettings,
  rulesOf,
  type Settings,
} from "./settings/settings.ts";
export { steerableKeys } from "./settings/steerable-keys.ts";
export type { TrainingSettings } from "./settings/training-schema.ts";
export {
  buildMethod,
  buildState,
  checkpointOf,
  chosenDevice,
  chosenPrecision,
  type DataFacts,
  freeState,
  peakRates,
  refuseUnlabelled,
  restore,
  scheduleFactor,
  type TrainState,
} from "./state.ts";
export { answersOf, logEnd } from "./steer/answers.ts";
export { type ChangeRecord, changesPath, readChanges, settingsAt } from "./steer/changes.ts";
export { type ForkPoint, forkPointFrom, forkRun } from "./steer/fork.ts";
export { replayRun } from "./steer/replay.ts";
export { askOfRun, controlPath, requestSchema, type SteeredVia, type Wish } from "./steer/request.ts";
export {
  embedBatch,
  enqueueStep,
  enqueueStepOnViews,
  type StepResult,
  trainStep,
  trainStepOnViews,
} from "./step.ts";
export { ofEachPart, PartClock, type StepPart, type StepShares, stepParts } from "./step-parts.ts";
export { preparedByLeader } from "./together.ts";
export { type TrainResult, train } from "./trainer.ts";
export {
  type CollapseFinding,
  type CollapseWatch,
  collapseWatch,
  type RepresentationHealth,
  type WatchedMethod,
} from "./watch.ts";
