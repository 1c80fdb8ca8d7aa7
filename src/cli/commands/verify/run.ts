// Every reference case: its inputs go through our operation, its outputs are compared with the stored ones.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { displayName, SelfsightError } from "../../../errors.ts";
import { weightedKnn } from "../../../evaluate/index.ts";
import { barlowTwinsLoss } from "../../../methods/index.ts";
import {
  freeNetwork,
  lars,
  loadParameterFormula,
  type Module,
  makeBackbone,
  moveNetwork,
  type Network,
  namedParameters,
  projector,
  resnet,
  stateOf,
  warmupCosine,
} from "../../../nn/index.ts";
import { arange, freeAll, noGrad, scope, type Tensor, threads, zeros } from "../../../torch/index.ts";
import { chosenDevice } from "../../../train/index.ts";
import { fromStored, readSafetensors } from "../../../weights/index.ts";
import {
  type Case,
  type Comparison,
  compare,
  gradientNorms,
  numberOf,
  type Operation,
  strict,
  valuesOf,
} from "./case.ts";
import { detectionCase } from "./detection.ts";
import { detectorCase } from "./detector.ts";
import { imageOperation } from "./images.ts";
import { lossCases } from "./losses.ts";

export interface CaseResult {
  file: string;
  operation: string;
  status: "passed" | "failed" | "unsupported";
  maxRelativeError: number | null;
  /** Why it failed, where it threw. */
  reason?: string;
}

const operations: Record<string, Operation> = {
  ...lossCases,
  barlow_lr_schedule: scheduleCase,
  lars: larsCase,
  weighted_knn: knnCase,
  resnet18: (reference) => resnetCase(reference, "resnet18", strict * 10),
  resnet50: (reference) => resnetCase(reference, "resnet50", 3e-2),
  vision_transformer: transformerCase,
  training_trajectory: trajectoryCase,
  image_ops: imageOperationsCase,
  detection_ops: detectionCase,
  detector: detectorCase,
};

export interface VerifyOptions {
  device: "auto" | "cpu" | "cuda";
  json?: true | undefined;
}

/** `selfsight verify FOLDER`: exit 0 when no case failed, 1 otherwise. */
export async function verify(folder: string, { device, json }: VerifyOptions): Promise<void> {
  process.env.NVIDIA_TF32_OVERRIDE ??= "0"; // the cases are float32; a GPU's convolutions would keep ten bits. Read when CUDA is loaded
  const results = verifyFolder(folder, chosenDevice(device));
  if (json) console.log(JSON.stringify(results, null, 2));
  else printTable(results);
  if (results.some(({ status }) => status === "failed")) process.exitCode = 1;
}

/** The cases' sums were split among threads; in one piece the trajectory's second loss differs by 1.6e-4, above its bound. */
const threadsOfTheCases = 2;

/** Runs every case of a folder on a device. Errors: data, when there is none. */
export function verifyFolder(folder: string, device: string): CaseResult[] {
  if (threads() < threadsOfTheCases) threads(threadsOfTheCases);
  const files = caseFiles(folder);
  if (files.length === 0)
    throw new SelfsightError(
      "data",
      `verify: no *.safetensors in ${displayName(folder)}; a folder of reference cases is needed; ${whereCasesAre}`,
    );
  return files.map((file) => verifyCase(folder, file, device));
}

const whereCasesAre = "Selfsight's own are test/reference in its repository, not in the npm package";

function caseFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".safetensors"))
      .sort();
  } catch (cause) {
    throw new SelfsightError(
      "data",
      `verify: ${displayName(folder)} cannot be read (${(cause as Error).message}); a folder of reference cases is needed; ${whereCasesAre}`,
    );
  }
}

function verifyCase(folder: string, file: string, device: string): CaseResult {
  let operation = "unknown";
  try {
    const { tensors, metadata } = readSafetensors(join(folder, file));
    operation = metadata.op ?? "unknown";
    const run = operations[operation];
    if (!run) return { file, operation, status: "unsupported", maxRelativeError: null };
    const get = (name: string) => fromStored(tensors.get(name)!).toDevice(device);
    const reference: Case = { metadata, names: [...tensors.keys()], device, get };
    return { file, operation, ...judge(scope(() => run(reference))) };
  } catch (error) {
    return { file, operation, status: "failed", maxRelativeError: null, reason: (error as Error).message };
  }
}

function judge(comparisons: readonly Comparison[]): Pick<CaseResult, "status" | "maxRelativeError" | "reason"> {
  const wrong = comparisons.filter(({ error, tolerance }) => !(error <= tolerance));
  const maxRelativeError = comparisons.reduce(
    (largest, { error }) => (error > largest || Number.isNaN(error) ? error : largest),
    0,
  );
  if (wrong.length === 0) return { status: "passed", maxRelativeError };
  const reason = wrong
    .map(({ name, error, tolerance }) => `${name}: ${error.toExponential(2)} > ${tolerance}`)
    .join(", ");
  return { status: "failed", maxRelativeError: Number.isFinite(maxRelativeError) ? maxRelativeError : null, reason };
}

function printTable(results: readonly CaseResult[]): void {
  for (const { file, operation, status, maxRelativeError, reason } of results) {
    const error = maxRelativeError === null ? "" : maxRelativeError.toExponential(1);
    console.log([file.padEnd(32), operation.padEnd(22), status.padEnd(12), error, reason ?? ""].join(" ").trimEnd());
  }
  const count = (wanted: CaseResult["status"]) => results.filter(({ status }) => status === wanted).length;
  console.log(`${count("passed")} passed, ${count("failed")} failed, ${count("unsupported")} not supported`);
}

// ---- optimizer, schedule ----

function larsCase(reference: Case): Comparison[] {
  const names = ["weight", "bias", "zero"];
  const parameters = new Map(names.map((name) => [name, reference.get(`${name}_0`).requiresGrad_()]));
  const only = (isBias: boolean) => new Map([...parameters].filter(([, { shape }]) => (shape.length === 1) === isBias));
  const optimizer = lars(
    [
      {
        name: "weights",
        parameters: only(false),
        learningRate: numberOf(reference, "lr_weights"),
        weightDecay: numberOf(reference, "weight_decay"),
        isAdapted: true,
      },
      { name: "biases", parameters: only(true), learningRate: numberOf(reference, "lr_biases"), weightDecay: 0 },
    ],
    { momentum: numberOf(reference, "momentum"), eta: numberOf(reference, "eta") },
  );
  const steps = reference.names.filter((name) => /^grad_weight_\d+$/.test(name)).length;
  const comparisons = Array.from({ length: steps }, (_, step) => {
    for (const [name, parameter] of parameters) parameter.setGrad(reference.get(`grad_${name}_${step}`));
    optimizer.step(1);
    return [...parameters]
      .filter(([name]) => reference.names.includes(`${name}_${step + 1}`))
      .map(([name, parameter]) => compare(reference, `${name}_${step + 1}`, parameter));
  }).flat();
  freeAll(optimizer.state().values());
  return comparisons;
}

function scheduleCase(reference: Case): Comparison[] {
  const perEpoch = numberOf(reference, "steps_per_epoch");
  const totalSteps = numberOf(reference, "epochs") * perEpoch;
  const warmupSteps = numberOf(reference, "warmup_epochs") * perEpoch;
  return (["lr_weights", "lr_biases"] as const).map((name) => {
    const peak = (numberOf(reference, name) * numberOf(reference, "batch_size")) / 256;
    const expected = valuesOf(reference, name) as Float64Array;
    const computed = Array.from(expected, (_, step) => peak * warmupCosine(step, { totalSteps, warmupSteps }));
    const distance = Math.hypot(...computed.map((rate, step) => rate - expected[step]!));
    return { name, error: distance / Math.hypot(...expected), tolerance: strict };
  });
}

// ---- networks ----

function resnetCase(reference: Case, name: "resnet18" | "resnet50", inputGradientTolerance: number): Comparison[] {
  const network = resnet(name, { stem: "imagenet" });
  const learned = learnedFrom(reference, network, inputGradientTolerance);
  const state = stateOf(network);
  const comparisons = [
    ...learned,
    compare(reference, "bn1.running_mean", state.get("bn1.running_mean")!),
    compare(reference, "bn1.running_var", state.get("bn1.running_var")!),
    compare(
      reference,
      "features_eval",
      noGrad(() => network.eval().forward(reference.get("x"))),
    ),
  ];
  freeAll(state.values());
  return comparisons;
}

/** Twelve layers, three heads of 16 channels, pictures of 32 pixels in patches of 8. */
function transformerCase(reference: Case): Comparison[] {
  const network = makeBackbone({
    ...{ backbone: "vit-tiny", stem: "patch-8", size: 32, width: 16, zeroInitResidual: false },
  });
  const comparisons = learnedFrom(reference, network, strict);
  freeNetwork(network);
  return comparisons;
}

/** Features, loss and gradients of a network whose parameters follow the formula. */
function learnedFrom(reference: Case, network: Module, inputGradientTolerance: number): Comparison[] {
  loadParameterFormula(network);
  moveNetwork({ network }, reference.device);
  const images = reference.get("x").requiresGrad_();
  const features = network.forward(images);
  const weights = arange(features.numel, { device: reference.device })
    .cos()
    .reshape(...features.shape);
  const loss = features.mul(weights).sum();
  loss.backward();
  return [
    compare(reference, "features", features),
    compare(reference, "loss", loss),
    compare(reference, "grad_x", images.grad!, inputGradientTolerance),
    ...gradientNorms(reference, network),
  ];
}

/** Eight steps with the same two views: the first two losses to 1e-4, the later ones to 5e-3 (rounding grows from step to step). */
function trajectoryCase(reference: Case): Comparison[] {
  const [viewA, viewB] = [reference.get("view1"), reference.get("view2")];
  const backbone = resnet("resnet18", { stem: "small" });
  const network = {
    backbone,
    projector: projector(backbone.outputSize, reference.metadata.projector!.split("-").map(Number)),
  };
  loadParameterFormula(network);
  moveNetwork(network, reference.device);
  const optimizer = trajectoryOptimizer(reference, network);
  const expected = valuesOf(reference, "losses") as Float64Array;
  const embed = (images: Tensor) => network.projector.forward(backbone.forward(images));
  const comparisons = Array.from(expected, (storedLoss, step) => {
    const value = scope(() => {
      const { loss } = barlowTwinsLoss(embed(viewA), embed(viewB), { lambda: numberOf(reference, "lambda_") });
      loss.backward();
      optimizer.step(1);
      optimizer.clearGradients();
      return loss.item();
    });
    return { name: `loss ${step}`, error: Math.abs(value / storedLoss - 1), tolerance: step < 2 ? strict : 5e-3 };
  });
  freeAll([...stateOf(network).values(), ...optimizer.state().values()]);
  return comparisons;
}

function trajectoryOptimizer(reference: Case, network: Network) {
  const all = [...namedParameters(network)];
  const group = (isBias: boolean) => ({
    name: isBias ? "biases" : "weights",
    parameters: new Map(all.filter(([, { shape }]) => (shape.length === 1) === isBias)),
    learningRate: numberOf(reference, isBias ? "lr_biases" : "lr_weights"),
    weightDecay: isBias ? 0 : numberOf(reference, "weight_decay"),
    isAdapted: !isBias,
  });
  return lars([group(false), group(true)], {
    momentum: numberOf(reference, "momentum"),
    eta: numberOf(reference, "eta"),
  });
}

// ---- evaluation, images ----

function knnCase(reference: Case): Comparison[] {
  const classes = numberOf(reference, "classes");
  const result = weightedKnn({
    bank: reference.get("bank"),
    bankLabels: Int32Array.from(valuesOf(reference, "bank_labels") as BigInt64Array, Number),
    queries: reference.get("queries"),
    k: numberOf(reference, "k"),
    temperature: numberOf(reference, "temperature"),
    classes,
  });
  const labels = valuesOf(reference, "query_labels") as BigInt64Array;
  const correct = labels.reduce((sum, label, i) => sum + (result.predictions[i] === Number(label) ? 1 : 0), 0);
  const ranking = valuesOf(reference, "ranking") as BigInt64Array; // [queries, classes]
  const differing = labels.reduce(
    (sum, _, i) => sum + (Number(ranking[i * classes]) === result.predictions[i] ? 0 : 1),
    0,
  );
  const top1 = zeros([]).fill_(correct / labels.length);
  return [compare(reference, "top1", top1), { name: "ranking", error: differing / labels.length, tolerance: 0 }];
}

function imageOperationsCase(reference: Case): Comparison[] {
  const image = reference.get("image"); // [3, H, W]
  const outputs = reference.names.filter((name) => name !== "image" && name !== "image_u8");
  return outputs.map((name) => {
    const computed = imageOperation(name, image);
    return computed ? compare(reference, name, computed) : { name, error: Number.NaN, tolerance: strict };
  });
}
