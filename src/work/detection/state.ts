// A detector that learns: network, optimizer, where it stands.
import { Detector } from "../../detect/index.ts";
import {
  freeNetwork,
  freeOptimizer,
  loadState,
  loadTensors,
  makeBackbone,
  moveNetwork,
  namedParameters,
  type Optimizer,
  type ResNet,
  sgd,
  stateOf,
  warmupSteps,
} from "../../nn/index.ts";
import { type GradientSum, manualSeed, scope, type Tensor } from "../../torch/index.ts";
import type { Checkpoint, CheckpointContent } from "../../train/index.ts";
import { fromStored, type StoredTensors, storedMap } from "../../weights/index.ts";
import { type DetectorFile, detectorHash } from "./run-file.ts";
import { detectorOptions } from "./settings.ts";

export interface DetectorState {
  file: DetectorFile;
  network: Detector;
  optimizer: Optimizer;
  device: string;
  /** Steps done. */
  step: number;
  /** Among several processes, from the first step on. */
  gradientSum?: GradientSum;
}

/** The network that a file describes; its trunk is taken over, or built anew to be filled by a checkpoint. */
export function buildDetector({ settings, trunk, classes, task, precision }: DetectorFile, given?: ResNet): Detector {
  manualSeed(settings.seed);
  return scope(() => {
    const backbone = given ?? (makeBackbone({ ...trunk, size: 32, zeroInitResidual: false }) as ResNet);
    const own = { classes: classes.length, hasMasks: task === "segment" };
    const network = new Detector(backbone, detectorOptions(settings, backbone.mapStride, own));
    network.precision = precision;
    return network;
  });
}

export function buildState(file: DetectorFile, device: string, trunk?: ResNet): DetectorState {
  const network = buildDetector(file, trunk);
  moveNetwork(network, device);
  return { file, network, optimizer: optimizerOf(network, file), device, step: 0 };
}

const isNorm = (name: string): boolean => /(^|\.)(bn\d|downsample\.1|extra_norm)\./.test(name);

/** SGD with momentum 0.9; batch norms are not decayed (detectron2's WEIGHT_DECAY_NORM of 0). */
function optimizerOf(network: Detector, { settings }: DetectorFile): Optimizer {
  const { learningRate, weightDecay } = settings;
  const parametersOf = (wanted: boolean) =>
    new Map([...namedParameters(network)].filter(([name]) => isNorm(name) === wanted));
  return sgd([
    { name: "weights", parameters: parametersOf(false), learningRate, weightDecay },
    { name: "norms", parameters: parametersOf(true), learningRate, weightDecay: 0 },
  ]);
}

/** The schedule's factor for the step that comes next. */
export const rateFactor = ({ file, step }: DetectorState): number => warmupSteps(step, file.settings);

export function freeState({ network, optimizer, gradientSum }: DetectorState): void {
  gradientSum?.close();
  freeOptimizer(optimizer);
  freeNetwork(network);
}

/** The whole state as a checkpoint holds it. */
export function checkpointOf(
  { file, network, optimizer, step }: DetectorState,
  quarantine: Iterable<number>,
): CheckpointContent {
  const metadata = { format: "pt", task: file.task };
  return {
    state: {
      settingsHash: detectorHash(file),
      fingerprint: file.fingerprint,
      quarantine: [...quarantine].sort((a, b) => a - b),
      step,
      updates: optimizer.counters.updates,
    },
    model: { tensors: storedMap(stateOf(network)), metadata },
    optimizer: { tensors: storedMap(optimizer.state()), metadata },
  };
}

export function restore(state: DetectorState, { state: saved, model, optimizer }: Checkpoint): void {
  scope(() => {
    loadState(state.network, tensorsOf(model));
    loadTensors(state.optimizer.state(), tensorsOf(optimizer));
  });
  state.optimizer.counters.updates = saved.updates;
  state.step = saved.step;
}

/** The network alone, for use; without a checkpoint its weights are to come from another process. */
export function trainedDetector(file: DetectorFile, checkpoint: Checkpoint | undefined, device: string): Detector {
  const network = buildDetector(file);
  if (checkpoint) scope(() => loadState(network, tensorsOf(checkpoint.model)));
  moveNetwork(network, device);
  return network.eval() as Detector;
}

const tensorsOf = ({ tensors }: StoredTensors): Map<string, Tensor> =>
  new Map(Array.from(tensors, ([name, value]) => [name, fromStored(value)]));
