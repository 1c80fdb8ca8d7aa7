import { SelfsightError } from "../errors.ts";
import type { Backbone, BuiltMethod, StepContext } from "../methods/index.ts";
import {
  adamw,
  authorsBaseRate,
  freeNetwork,
  freeOptimizer,
  lars,
  loadState,
  loadTensors,
  makeBackbone,
  moveNetwork,
  type Network,
  namedParameters,
  type Optimizer,
  type ParameterGroup,
  sgd,
  stateOf,
  warmupCosine,
} from "../nn/index.ts";
import { engine, type GradientSum, gpuFacts, manualSeed, scope, type Tensor } from "../torch/index.ts";
import { fromStored, storedMap } from "../weights/index.ts";
import { refuseUncapturable, StepGraphs } from "./graph/step-graphs.ts";
import type { StepObserver } from "./observe/observer.ts";
import { type OnlineLinear, onlineLinearName, onlineParts, openOnlineLinear } from "./online/online-linear.ts";
import type { Checkpoint, CheckpointContent } from "./run/checkpoint.ts";
import { hasBf16 } from "./settings/precision.ts";
import { methodOf, methodSettings, type Settings, viewsOfSize } from "./settings/settings.ts";
import type { PartClock } from "./step-parts.ts";

/** What one step reads and changes. */
export interface TrainState {
  settings: Settings;
  method: BuiltMethod;
  /** The method's own settings, the object that it was built with: what may change in a run changes in it. */
  options: ReturnType<typeof methodSettings>;
  network: Network;
  optimizer: Optimizer;
  /** Learns beside the trunk from its features; its tensors are part of `network`, for checkpoints. */
  onlineLinear?: OnlineLinear;
  device: string;
  precision: "bf16" | "fp32";
  /** Steps done. */
  step: number;
  stepsPerEpoch: number;
  totalSteps: number;
  floor: number;
  /** Told where a step is, by whoever wants to know where its time goes. */
  clock?: PartClock;
  /** Shown the embeddings of each step, by whoever draws pictures of the training. */
  observer?: StepObserver;
  /** Among several processes, from the first step on. */
  gradientSum?: GradientSum;
  /** Where steps are captured once and played back. */
  graphs?: StepGraphs;
}

/** What a run must know of its pictures before it reads them. */
export interface DataFacts {
  length: number;
  classes?: readonly string[];
}

/** The networks of a run with their first weights, which follow from the seed alone. */
export function buildMethod(
  settings: Settings,
  { classes = [] }: Pick<DataFacts, "classes"> = {},
  options = methodSettings(settings),
): BuiltMethod {
  const method = methodOf(settings);
  refuseUnlabelled(settings, { classes });
  manualSeed(settings.seed);
  const trunk = () => makeBackbone(settings);
  const build = () => method.build(trunk(), options, { classes: classes.length, makeBackbone: trunk });
  return scope(build); // layers keep their own tensors; what initialisation leaves behind goes
}

/** Errors: data, when the method learns from labels and the pictures have none. */
export function refuseUnlabelled(settings: Settings, { classes = [] }: Pick<DataFacts, "classes">): void {
  if (!methodOf(settings).needsLabels || classes.length >= 2) return;
  const found = classes.length === 1 ? "one class" : "no labels";
  throw new SelfsightError(
    "data",
    `${settings.method}: the pictures have ${found}; labels of two classes or more are needed; put the pictures in one sub-folder for each class, or choose another --method`,
  );
}

/** Steps of a whole run on so many images. */
export const totalStepsOf = ({ steps, epochs, batchSize }: Settings, images: number): number =>
  steps ?? epochs! * Math.floor(images / batchSize);

/** `localRank`: this process's number on its machine, by which several of them take a GPU each. */
export function buildState(settings: Settings, data: DataFacts, localRank = 0): TrainState {
  const options = methodSettings(settings);
  const device = chosenDevice(settings.device, localRank);
  refuseUncapturable(settings, device);
  const method = buildMethod(settings, data, options);
  const onlineLinear = onlineLinearOf(settings, method, data);
  const network: Network = {
    ...method.trainable,
    ...method.frozen,
    ...(onlineLinear && { [onlineLinearName]: onlineLinear.head }),
  };
  if (device !== "cpu") moveNetwork(network, device);
  const stepsPerEpoch = Math.floor(data.length / settings.batchSize);
  return {
    settings,
    method,
    options,
    network,
    optimizer: buildOptimizer(settings, method),
    ...(onlineLinear && { onlineLinear }),
    ...(settings.cudaGraph && { graphs: new StepGraphs(device) }),
    device,
    precision: chosenPrecision(settings.precision, device),
    step: 0,
    stepsPerEpoch,
    totalSteps: totalStepsOf(settings, data.length),
    floor: floorOf(settings),
  };
}

const floorOf = (settings: Settings): number =>
  methodOf(settings).floor?.(methodSettings(settings), settings.batchSize) ?? 0;

/** From the next step on the run has these settings, which differ in what may change while it trains: see `steerableKeys`. */
export function takeOn(state: TrainState, settings: Settings): void {
  state.settings = settings;
  Object.assign(state.options, methodSettings(settings));
  state.floor = floorOf(settings);
  state.graphs?.forget();
  for (const group of state.optimizer.groups) Object.assign(group, pullsOf(settings, group.name.startsWith("biases")));
}

function onlineLinearOf(settings: Settings, { trainable }: BuiltMethod, { length, classes = [] }: DataFacts) {
  if (!settings.onlineLinear || classes.length < 2) return undefined;
  const { outputSize } = trainable.backbone as Backbone;
  return openOnlineLinear(outputSize, classes.length, new Set(onlineParts(length, settings.seed).held));
}

/** Everything that updates keep beside the weights, by name. */
export const optimizerState = ({ optimizer, onlineLinear }: Pick<TrainState, "optimizer" | "onlineLinear">) =>
  new Map([...optimizer.state(), ...(onlineLinear?.optimizer.state() ?? [])]);

/** Gives a state's memory back. */
export function freeState({ optimizer, onlineLinear, network, gradientSum, graphs }: TrainState): void {
  gradientSum?.close();
  graphs?.free();
  freeOptimizer(optimizer);
  if (onlineLinear) freeOptimizer(onlineLinear.optimizer);
  freeNetwork(network);
}

/** What a method is told of the step that comes next. */
export const contextOf = ({ step, totalSteps, stepsPerEpoch, settings }: TrainState, labels?: Tensor): StepContext => ({
  step,
  totalSteps,
  stepsPerEpoch,
  seed: settings.seed,
  ...(labels && { labels }),
});

/** Errors: configuration, when a GPU is asked for that libtorch does not reach. */
export function chosenDevice(wanted: string, localRank = 0): string {
  const gpus = engine().cudaDevices;
  const ownGpu = localRank === 0 ? "cuda" : `cuda:${localRank % Math.max(1, gpus)}`;
  if (wanted === "auto") return gpus > 0 ? ownGpu : "cpu";
  if (wanted === "cuda" && gpus > 0) return ownGpu;
  const index = wanted.startsWith("cuda:") ? Number(wanted.slice(5)) : 0;
  if (wanted !== "cpu" && index >= gpus) {
    const reason =
      gpuFacts().problem ??
      "no GPU is seen here; use --device cpu; beside a GPU, `npx selfsight setup --libtorch cuda` brings a libtorch for it";
    throw new SelfsightError(
      "configuration",
      `device: ${wanted} was asked for; this libtorch reaches ${gpus} GPUs; ${reason}`,
    );
  }
  return wanted;
}

export function chosenPrecision(wanted: Settings["precision"], device: string): "bf16" | "fp32" {
  if (wanted !== "auto") return wanted;
  return device !== "cpu" || hasBf16() ? "bf16" : "fp32";
}

/** Peak rates after the batch rule, and that rule in words, for the run's first line: nothing is rescaled unseen. */
export function peakRates({ optimizer, batchSize }: Settings): { weights: number; biases: number; rule: string } {
  const base = optimizer.learningRate === "authors" ? authorsBaseRate(batchSize) : optimizer.learningRate;
  const biasBase = optimizer.biasLearningRate ?? base;
  const { factor, text } = batchRules[optimizer.batchRule](batchSize);
  const origin = optimizer.learningRate === "authors" ? `authors' base rate for batch ${batchSize}` : "base rate";
  const biases = biasBase === base ? "" : ` (biases ${biasBase})`;
  return { weights: base * factor, biases: biasBase * factor, rule: `${origin} ${base}${biases}${text}` };
}

const batchRules = {
  linear: (batch: number) => ({ factor: batch / 256, text: ` x ${batch}/256` }),
  sqrt: (batch: number) => ({ factor: Math.sqrt(batch), text: ` x √${batch}` }),
  none: () => ({ factor: 1, text: "" }),
};

/** Two groups as in the official code: what has one dimension (biases, norms) is not adapted and need not decay. */
function buildOptimizer(settings: Settings, method: BuiltMethod): Optimizer {
  const { optimizer } = settings;
  const groups = [...partsByRate(method)].flatMap(([suffix, followsSchedule, parameters]) =>
    groupsOf(parameters, settings, suffix, followsSchedule),
  );
  if (optimizer.name === "lars") return lars(groups, optimizer);
  if (optimizer.name === "adamw") return adamw(groups);
  return sgd(groups, { momentum: optimizer.momentum });
}

/** The parts whose rate follows the schedule, and those whose rate stays. */
function* partsByRate({ trainable, constantRate = [] }: BuiltMethod) {
  const all = [...namedParameters(trainable)];
  const isConstant = (name: string) => constantRate.includes(name.split(".")[0]!);
  yield ["", true, all.filter(([name]) => !isConstant(name))] as const;
  yield ["-constant", false, all.filter(([name]) => isConstant(name))] as const;
}

function groupsOf(
  parameters: readonly (readonly [string, Tensor])[],
  settings: Settings,
  suffix: string,
  followsSchedule: boolean,
): ParameterGroup[] {
  const { optimizer } = settings;
  const group = (name: string, isBias: boolean): ParameterGroup => ({
    name: `${name}${suffix}`,
    parameters: new Map(parameters.filter(([, { shape }]) => (shape.length === 1) === isBias)),
    ...pullsOf(settings, isBias),
    isAdapted: !isBias || optimizer.adaptsBiases,
    followsSchedule,
  });
  return [group("weights", false), group("biases", true)].filter(({ parameters }) => parameters.size > 0);
}

/** What a group's weights are moved by, beside their gradients. */
function pullsOf(settings: Settings, isBias: boolean): Pick<ParameterGroup, "learningRate" | "weightDecay"> {
  const { optimizer } = settings;
  const { biases, weights } = peakRates(settings);
  return {
    learningRate: isBias ? biases : weights,
    weightDecay: isBias && !optimizer.decaysBiases ? 0 : optimizer.weightDecay,
  };
}

type Length = Pick<TrainState, "settings" | "stepsPerEpoch" | "totalSteps">;

/** min(warmupEpochs in steps, warmupShare of the run), and that rule in words where the share is the shorter. */
export function warmupOf({ settings, stepsPerEpoch, totalSteps }: Length): { steps: number; rule: string } {
  const { warmupEpochs, warmupShare } = settings;
  const asked = Math.round(warmupEpochs * stepsPerEpoch);
  const most = Math.floor(warmupShare * totalSteps);
  const rule = `warmupShare ${warmupShare} of the run, where warmupEpochs ${warmupEpochs} would be ${asked} steps`;
  return asked > most ? { steps: most, rule } : { steps: asked, rule: "" };
}

/** The schedule's factor for the step that comes next. */
export function scheduleFactor(state: TrainState): number {
  const { settings, step, stepsPerEpoch, totalSteps } = state;
  const { steps: warmupSteps } = warmupOf(state);
  const isHeld = settings.cosinePer === "epoch" && step >= warmupSteps;
  const at = isHeld ? Math.max(warmupSteps, step - (step % stepsPerEpoch)) : step;
  return warmupCosine(at, { totalSteps, warmupSteps, floor: settings.floor });
}

/** The views of an epoch, smaller ones in the first part of the run where `earlySize` says so: a function of the epoch, so of the step. */
export function viewsAt({ settings, stepsPerEpoch, totalSteps }: Length, epoch: number): Settings["views"] {
  const { earlySize, earlyShare, views } = settings;
  const isEarly = epoch < Math.round((earlyShare * totalSteps) / stepsPerEpoch);
  return earlySize !== null && isEarly ? viewsOfSize(settings, earlySize) : views;
}

/** The whole state as a checkpoint holds it. */
export function checkpointOf(
  state: TrainState,
  extra: { settingsHash: string; fingerprint: string; quarantine: Iterable<number> },
): CheckpointContent {
  const { step, network, optimizer } = state;
  const metadata = { format: "pt", method: state.settings.method };
  return {
    state: {
      ...extra,
      step,
      updates: optimizer.counters.updates,
      quarantine: [...extra.quarantine].sort((a, b) => a - b),
    },
    model: { tensors: storedMap(stateOf(network)), metadata },
    optimizer: { tensors: storedMap(optimizerState(state)), metadata: { optimizer: state.settings.optimizer.name } },
  };
}

/** Puts a checkpoint's values into a built state. Errors: checkpoint, when names or shapes differ. */
export function restore(
  state: TrainState,
  { state: saved, model, optimizer }: Pick<Checkpoint, "state" | "model" | "optimizer">,
): void {
  scope(() => {
    loadState(state.network, tensorsOf(model.tensors));
    loadTensors(optimizerState(state), tensorsOf(optimizer.tensors));
  });
  state.optimizer.counters.updates = saved.updates;
  state.step = saved.step;
}

const tensorsOf = (tensors: Checkpoint["model"]["tensors"]): Map<string, Tensor> =>
  new Map(Array.from(tensors, ([name, value]) => [name, fromStored(value)]));
