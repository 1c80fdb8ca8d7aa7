// The trunk that a detector begins with: a run's, a file's, or an untrained one.
import type { Normalization } from "../../augment/index.ts";
import { normalizations } from "../../augment/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { untrainedBackbone } from "../../evaluate/index.ts";
import { type BackboneName, isTransformer, ResNet, type Stem } from "../../nn/index.ts";
import { readRun } from "../../train/index.ts";
import { buildBackbone } from "../../weights/index.ts";
import { weightsOf } from "../representation.ts";
import type { ScheduleName } from "./settings.ts";

/** Which trunk it is, and what it is fed; enough to build it again. */
export interface TrunkFacts {
  /** What reports call it: a path, or `untrained`. */
  source: string;
  backbone: BackboneName;
  stem: Stem;
  width: number;
  normalize: Normalization;
}

export interface OpenedTrunk {
  facts: TrunkFacts;
  network: ResNet;
}

/**
 * Opens RUN_OR_WEIGHTS, `untrained` (a network of the schedule's usual size) or `untrained:RUN` (one as the run began, with this seed).
 * Errors: checkpoint, for what cannot be opened; configuration, for a vision transformer.
 */
export function openTrunk(
  source: string,
  schedule: ScheduleName,
  seed: number,
  warn: (message: string) => void,
): OpenedTrunk {
  const [, isUntrained, run] = /^(untrained)(?::(.+))?$/.exec(source) ?? [];
  if (isUntrained === undefined) return openTrained(source, warn);
  const facts = run === undefined ? usualTrunk(schedule) : factsOfRun(source, run);
  refuseTransformer(source, facts.backbone);
  const network = untrainedBackbone({ ...facts, size: 32, zeroInitResidual: true, seed });
  return { facts, network: residual(network) };
}

/** The paper's network; for small sets one that trains on two cores. */
const usualTrunk = (schedule: ScheduleName): TrunkFacts => ({
  source: "untrained",
  ...(schedule === "small"
    ? { backbone: "resnet18", stem: "small-stride-2", width: 16 }
    : { backbone: "resnet50", stem: "imagenet", width: 64 }),
  normalize: { mean: [...normalizations.imagenet.mean], std: [...normalizations.imagenet.std] },
});

function factsOfRun(source: string, run: string): TrunkFacts {
  const { backbone, stem, width, views } = readRun(run).settings;
  return { source, backbone, stem, width, normalize: views[0]!.normalize };
}

function openTrained(source: string, warn: (message: string) => void): OpenedTrunk {
  refuseBaseline(source);
  const { weights } = weightsOf(source, warn);
  refuseTransformer(source, weights.backbone);
  const { backbone, stem, width, normalization: normalize } = weights;
  return { facts: { source, backbone, stem, width, normalize }, network: residual(buildBackbone(weights)) };
}

function residual(network: unknown): ResNet {
  if (network instanceof ResNet) return network;
  throw new SelfsightError("bug", "internal: a trunk that is no residual network was opened for detection");
}

function refuseBaseline(source: string): void {
  if (!/^pixels(:|$)/.test(source)) return;
  throw new SelfsightError(
    "configuration",
    `evaluate: ${displayName(source)} is no network; detection trains the whole trunk; give a run, a weights.safetensors or untrained`,
  );
}

function refuseTransformer(source: string, backbone: BackboneName): void {
  if (!isTransformer(backbone)) return;
  throw new SelfsightError(
    "configuration",
    `evaluate: ${displayName(source)} is a ${backbone}; the C4 detector pools boxes before a residual network's last stage, which a transformer has not; give a run of resnet18, resnet34 or resnet50`,
  );
}
