// selfsight speedrun shapes
// The recipe `shapes` with a narrower trunk and a tenth of the pictures held out: a speedrun that needs no files, for trying the command.
import type { PartialSettings } from "../train/index.ts";
import { shapes } from "./shapes.ts";

export const shapesSpeedrun: PartialSettings = {
  ...shapes,
  width: 16,
  epochs: 12,
  holdOut: 0.1,
  knnEveryEpochs: 1,
  observeEverySteps: 0,
};
