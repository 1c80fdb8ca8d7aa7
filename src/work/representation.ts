import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Dataset, ReadingRules } from "../data/index.ts";
import { didYouMean, displayName, SelfsightError } from "../errors.ts";
import {
  type BackboneFacts,
  backboneRepresentation,
  pixelRepresentation,
  type Representation,
  untrainedBackbone,
} from "../evaluate/index.ts";
import { type BackboneNetwork, freeNetwork, moveNetwork } from "../nn/index.ts";
import {
  chosenDevice,
  chosenPrecision,
  defaultSettings,
  loadNewestCheckpoint,
  type RunFile,
  readRun,
  refuseUnfit,
  rulesOf,
  runPath,
  type Settings,
} from "../train/index.ts";
import { type BackboneWeights, backboneTensors, buildBackbone, readWeights } from "../weights/index.ts";
import { askedOfRepresentation } from "./asked.ts";
import { trunkDigest, weightlessDigest } from "./embeddings/trunk.ts";
import { warnThroughNode } from "./warnings.ts";

export interface OpenedRepresentation extends Representation {
  /** What it was opened by: an absolute path, or a baseline's name. */
  source: string;
  /** What vectors must have in common to be compared: a digest of weights and reading rules. Computed when first asked for. */
  trunk(): string;
  /** Gives the network's memory back. */
  free(): void;
}

export interface RepresentationOptions {
  /** Side of its pictures in pixels. Default: as it was trained; of untrained weights and pixels the data's own, at least 8. */
  size?: number | undefined;
  /** Default "auto". */
  device?: string | undefined;
  /** Default "auto". */
  precision?: Settings["precision"] | undefined;
  /** Of untrained weights, where no run says it. Default 0. */
  seed?: number | undefined;
  /** Told where an older checkpoint is read because the newest is damaged. Default: Node's warnings. */
  warn?: ((message: string) => void) | undefined;
}

/**
 * Opens what the command line calls RUN_OR_WEIGHTS: a run's folder (its newest whole checkpoint), a weights.safetensors with
 * metadata, or a baseline: `pixels`, `untrained`, and `pixels:RUN`, `untrained:RUN` at a run's size and with its first weights.
 *
 * @throws SelfsightError "checkpoint" for what is neither, and for damaged or foreign files.
 */
export function openRepresentation(
  source: string,
  dataset: Dataset | undefined,
  options: RepresentationOptions = {},
): OpenedRepresentation {
  const found = opening(source, dataset, options);
  const { size, seed } = options;
  openings.set(found.forward, { source: found.source, size, seed, trunk: found.trunk });
  return found;
}

/** How a network was opened, so that another process can open the same. */
export interface Opening {
  source: string;
  size: number | undefined;
  seed: number | undefined;
  trunk: () => string;
}

/** By their forward passes, which whatever is made of a representation has too: the same network in another view. */
const openings = new WeakMap<Representation["forward"], Opening>();

/** Undefined for what `openRepresentation` did not open, such as the trunk of a run that trains. */
export const openingOf = ({ forward }: Representation): Opening | undefined => openings.get(forward);

function opening(source: string, dataset: Dataset | undefined, options: RepresentationOptions): OpenedRepresentation {
  refuseUnfit("open representation", askedOfRepresentation, { source, ...options });
  const [, baseline, run] = /^(pixels|untrained)(?::(.+))?$/.exec(source) ?? [];
  if (baseline === "pixels") return { ...openPixels(dataset, run, options), source: fromAnywhere(baseline, run) };
  if (baseline === "untrained") return { ...openUntrained(dataset, run, options), source: fromAnywhere(baseline, run) };
  const kind = statSync(source, { throwIfNoEntry: false });
  if (!kind) throw notThere(source);
  const found = kind.isDirectory() ? openTrained(source, options) : openWeights(source, options);
  return { ...found, source: resolve(source) };
}

/** A baseline's name that holds in every folder. */
const fromAnywhere = (baseline: string, run: string | undefined): string =>
  run === undefined ? baseline : `${baseline}:${resolve(run)}`;

type Unnamed = Omit<OpenedRepresentation, "source">;

/** Pictures that have a size of their own keep it; files are measured at 32 pixels. */
export const naturalSize = (dataset: Dataset | undefined): number =>
  dataset?.kind === "array" ? Math.max(8, Math.min(dataset.height, dataset.width)) : 32;

function openPixels(dataset: Dataset | undefined, run: string | undefined, options: RepresentationOptions): Unnamed {
  const size = options.size ?? (run === undefined ? naturalSize(dataset) : readRun(run).settings.size);
  const isGrey = dataset?.kind === "array" && dataset.channels === 1;
  const pixels = pixelRepresentation({ size, isGrey });
  return { ...pixels, trunk: () => weightlessDigest(isGrey ? "grey pixels" : "pixels", pixels), free: () => {} };
}

function openUntrained(dataset: Dataset | undefined, run: string | undefined, options: RepresentationOptions) {
  const settings =
    run === undefined
      ? { ...defaultSettings({ size: options.size ?? naturalSize(dataset) }), seed: options.seed ?? 0 }
      : readRun(run).settings;
  return opened(untrainedBackbone(settings), { name: "untrained", ...viewOf(settings) }, options);
}

/** How the run's pictures look: its first view's size and normalisation, and how their files are read. */
export const viewOf = (settings: Settings) => ({
  size: settings.size,
  normalize: settings.views[0]!.normalize,
  rules: rulesOf(settings),
  ...(settings.decodeSize !== null && { decodeSize: settings.decodeSize }),
});

/** How the run or weights file behind a name reads files, before its network is opened; undefined where neither says it. */
export function rulesOfSource(source: string): ReadingRules | undefined {
  const run = source.replace(/^(pixels|untrained):/, "");
  if (existsSync(runPath(run))) return rulesOf(readRun(run).settings);
  if (/^(pixels|untrained)(:|$)/.test(source)) return undefined;
  const kind = statSync(source, { throwIfNoEntry: false });
  if (!kind) throw notThere(source); // before a large folder is listed
  return kind.isFile() ? readWeights(source).rules : undefined;
}

function openTrained(folder: string, options: RepresentationOptions): Unnamed {
  if (!existsSync(runPath(folder))) throw noRun(folder);
  const { run, step, weights } = trainedWeights(folder, options.warn);
  const { size, normalize, ...rest } = viewOf(run.settings);
  const name = `${displayName(folder)}, step ${step}`;
  return opened(buildBackbone(weights), { name, size, normalize, ...rest }, options);
}

/** The weights behind a name, and the run that learned them where one is behind it. Errors: checkpoint, for neither. */
export function weightsOf(source: string, warn?: (message: string) => void) {
  const kind = statSync(source, { throwIfNoEntry: false });
  if (!kind) throw notThere(source);
  if (!kind.isDirectory()) return { weights: readWeights(source) };
  if (!existsSync(runPath(source))) throw noRun(source);
  return trainedWeights(source, warn);
}

/** A run with the backbone of its newest whole checkpoint. */
export function trainedWeights(
  folder: string,
  warn: (message: string) => void = warnThroughNode,
): { run: RunFile; step: number; weights: BackboneWeights } {
  const run = readRun(folder);
  const { state, model } = loadNewestCheckpoint(folder, warn);
  const { backbone, stem, width } = run.settings;
  const { normalize: normalization, ...fed } = viewOf(run.settings);
  const weights = { backbone, stem, width, ...fed, normalization, weights: backboneTensors(model.tensors) };
  return { run, step: state.step, weights };
}

function openWeights(path: string, options: RepresentationOptions): Unnamed {
  const weights = readWeights(path);
  const { size, normalization: normalize, prefix, rules, decodeSize } = weights;
  const name = `${displayName(basename(path))}${prefix ? `, names below ${displayName(prefix)}` : ""}`;
  const reading = { ...(rules && { rules }), ...(decodeSize !== undefined && { decodeSize }) };
  return opened(buildBackbone(weights), { name, size, normalize, ...reading }, options);
}

function opened(backbone: BackboneNetwork, facts: BackboneFacts, options: RepresentationOptions): Unnamed {
  const device = chosenDevice(options.device ?? "auto");
  const precision = chosenPrecision(options.precision ?? "auto", device);
  moveNetwork(backbone, device);
  const { size = facts.size } = options;
  const { decodeSize: _, ...others } = facts;
  const fed = size === facts.size ? facts : { ...others, size }; // another size, another size to decode to
  const representation = backboneRepresentation(backbone, { ...fed, device, precision });
  let digest: string | undefined;
  const trunk = () => {
    digest ??= trunkDigest(backbone, representation);
    return digest;
  };
  return { ...representation, trunk, free: () => freeNetwork(backbone) };
}

const needed = "a run's folder, a weights.safetensors, pixels or untrained is needed";

function noRun(folder: string): SelfsightError {
  const runs = entriesOf(folder).filter((name) => existsSync(runPath(join(folder, name))));
  const found = runs.length > 0 ? `; it holds the runs ${runs.slice(0, 5).map(displayName).join(", ")}` : "";
  return new SelfsightError(
    "checkpoint",
    `open representation: ${displayName(folder)} has no run.json${found}; ${needed}; give the folder that \`selfsight pretrain --out\` named`,
  );
}

function notThere(source: string): SelfsightError {
  const parent = dirname(resolve(source));
  const guess = didYouMean(basename(source), ["pixels", "untrained", ...entriesOf(parent)]);
  return new SelfsightError(
    "checkpoint",
    `open representation: ${displayName(source)} is not there; ${needed}; check the path.${displayName(guess)}`,
  );
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
