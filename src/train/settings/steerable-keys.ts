// Which settings may change while a run trains.
import { methodOf, type Settings } from "./settings.ts";

/** Settings of the training that may change; of the method those that it names itself; of a view all but its size and normalisation. */
const ofTraining = [
  "optimizer.learningRate",
  "optimizer.biasLearningRate",
  "optimizer.weightDecay",
  "logEverySteps",
  "watchEverySteps",
  "observeEverySteps",
  "knnEveryEpochs",
  "checkpointEverySteps",
  "checkpointEveryMinutes",
  "keepCheckpoints",
] as const;

export const ofView = /^views\.\d+\.(?!size|normalize)/;

/** Keys of what may change in a run by this method; `views.*` stands for all of a view but its size and normalisation. */
export const steerableKeys = (settings: Pick<Settings, "method">): string[] => [
  ...ofTraining,
  ...(methodOf(settings).steerable ?? []),
  "views.*",
];
