// Where a run's first weights come from, when they are not drawn anew: another run, or a file of weights.
import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Dataset } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { positionsFor } from "../../nn/index.ts";
import { noGrad, scope } from "../../torch/index.ts";
import { fromStored, readWeights, type StoredTensor, type StoredTensors, stored } from "../../weights/index.ts";
import { changesBetween } from "../settings/setting-tree.ts";
import type { Settings } from "../settings/settings.ts";
import { buildState, checkpointOf, freeState } from "../state.ts";
import { type Checkpoint, type CheckpointContent, loadNewestCheckpoint } from "./checkpoint.ts";
import { type Origin, readRun } from "./folder.ts";
import { settingsHash } from "./resume.ts";

type Tensors = StoredTensors["tensors"];

/** A run or a file as the start of another run. */
export interface WeightsSource {
  /** What the new run must have too, and its size, which is only proposed. */
  trunk: Pick<Settings, "backbone" | "stem" | "width" | "size">;
  origin: Omit<Origin, "taken" | "fresh">;
  /** Under the names of a run's model: `backbone.conv1.weight`. */
  tensors: Tensors;
}

/** Errors: checkpoint, when there is neither, and for damaged or foreign files. */
export async function openWeightsSource(path: string, warn: (message: string) => void): Promise<WeightsSource> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found) return found.isDirectory() ? sourceFromRun(path, warn) : sourceFromFile(path);
  throw new SelfsightError(
    "checkpoint",
    `pretrain: --from ${displayName(path)} is not there; a run's folder, RUN@STEP or a weights.safetensors is needed; check the path`,
  );
}

const sourceFromRun = (folder: string, warn: (message: string) => void): WeightsSource =>
  sourceFromCheckpoint(folder, readRun(folder).settings, loadNewestCheckpoint(folder, warn));

/** A run as it was saved once. */
export function sourceFromCheckpoint(folder: string, settings: Settings, { state, model }: Checkpoint): WeightsSource {
  const { sha256 } = state.files["model.safetensors"];
  return {
    trunk: trunkOf(settings),
    origin: { source: resolve(folder), method: settings.method, step: state.step, sha256 },
    tensors: model.tensors,
  };
}

async function sourceFromFile(path: string): Promise<WeightsSource> {
  const { weights, ...facts } = readWeights(path);
  return {
    trunk: trunkOf(facts),
    origin: { source: resolve(path), method: null, step: null, sha256: await sha256Of(path) },
    tensors: new Map([...weights].map(([name, value]) => [`backbone.${name}`, value])),
  };
}

const trunkOf = ({ backbone, stem, width, size }: WeightsSource["trunk"]) => ({ backbone, stem, width, size });

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}

/** Errors: configuration, when the settings ask for another trunk than the weights are of. */
export function refuseOtherTrunk({ trunk, origin }: WeightsSource, settings: Settings): void {
  const changes = changesBetween(trunk, trunkOf(settings)).filter(({ key }) => key !== "size");
  if (changes.length === 0) return;
  const listed = changes.map(({ key, from, to }) => `${key} ${from} there, ${to} here`).join(", ");
  const wanted = changes.map(({ key, from }) => `--set ${key}=${from}`).join(" ");
  throw new SelfsightError(
    "configuration",
    `pretrain: --from ${displayName(origin.source)}: ${listed}; weights fit a trunk of their own shape only; leave these settings out, or add ${wanted}`,
  );
}

/**
 * A new run's state at step 0 with the source's trunk. Of the rest (projector, predictor, queue, teacher) each part that a run by the same
 * method has in the same shape is taken as a whole, the others start new; a teacher that starts new begins as the network does.
 * Errors: checkpoint, when the trunk's tensors do not fit.
 */
export function firstWeights(
  settings: Settings,
  dataset: Dataset,
  { tensors: given, origin }: WeightsSource,
): { content: CheckpointContent; origin: Origin } {
  const state = buildState(settings, dataset);
  try {
    const extra = { settingsHash: settingsHash(settings), fingerprint: dataset.fingerprint, quarantine: [] };
    const content = checkpointOf(state, extra);
    const own = content.model.tensors;
    const tensors = withPositionsFor(own, given);
    refuseOtherNames(origin.source, own, tensors);
    const parts = [...new Set([...own.keys()].map(partOf))];
    const isTaken = (part: string) =>
      part === "backbone" || (origin.method === settings.method && fits(part, own, tensors));
    const taken = parts.filter(isTaken);
    const model = { ...content.model, tensors: merged(own, tensors, taken) };
    return { content: { ...content, model }, origin: { ...origin, taken, fresh: parts.filter((p) => !isTaken(p)) } };
  } finally {
    freeState(state);
  }
}

/** A transformer's learned positions, brought to the grid of the new run's pictures. */
function withPositionsFor(own: Tensors, given: Tensors): Tensors {
  const isElsewhere = (name: string) => name.endsWith("pos_embed") && own.has(name) && !sameShape(name, own, given);
  return new Map([...given].map(([name, value]) => [name, isElsewhere(name) ? placed(value, own.get(name)!) : value]));
}

function placed(positions: StoredTensor, own: StoredTensor): StoredTensor {
  const grid = Math.round(Math.sqrt(own.shape[1]! - 1));
  if (positions.shape.length !== 3 || !Number.isInteger(Math.sqrt(positions.shape[1]! - 1))) return positions;
  return scope(() => noGrad(() => stored(positionsFor(fromStored(positions), grid))));
}

const partOf = (name: string): string => name.split(".")[0]!;

/** Older PyTorch did not count a norm's batches: there the count stays that of a new network. */
const isCount = (name: string): boolean => name.endsWith("num_batches_tracked");

const shapeOf = (tensors: Tensors, name: string): string => tensors.get(name)?.shape.join(", ") ?? "";

const fits = (part: string, own: Tensors, given: Tensors): boolean =>
  [...own.keys()].every((name) => partOf(name) !== part || (given.has(name) && sameShape(name, own, given)));

const sameShape = (name: string, own: Tensors, given: Tensors): boolean => shapeOf(own, name) === shapeOf(given, name);

function refuseOtherNames(source: string, own: Tensors, given: Tensors): void {
  const names = [...own.keys()].filter((name) => partOf(name) === "backbone");
  const wrong = names.filter((name) => (given.has(name) ? !sameShape(name, own, given) : !isCount(name)));
  if (wrong.length === 0) return;
  const first = `${displayName(wrong[0]!)} is [${shapeOf(given, wrong[0]!)}], [${shapeOf(own, wrong[0]!)}] is needed`;
  throw new SelfsightError(
    "checkpoint",
    `pretrain: --from ${displayName(source)}: ${wrong.length} of ${names.length} tensors of the trunk do not fit (${first}); the same trunk is needed; check --backbone, --set width and --set stem`,
  );
}

/** A teacher that is new holds what the network that it follows holds. */
function merged(own: Tensors, given: Tensors, taken: readonly string[]): Tensors {
  const isTaken = (name: string) => taken.includes(partOf(name));
  const found = new Map([...own].map(([name, value]) => [name, isTaken(name) ? (given.get(name) ?? value) : value]));
  const leaderOf = (name: string) => (partOf(name) === "teacher" ? name.slice("teacher.".length) : name);
  return new Map(
    [...found].map(([name, value]) => [name, isTaken(name) ? value : (found.get(leaderOf(name)) ?? value)]),
  );
}

/** What was taken and what was not, for people. */
export function describeOrigin({ source, method, step, taken, fresh, fork }: Origin): string {
  const whose = method === null ? "" : ` (${method}, step ${step})`;
  const rest = fresh.length > 0 ? `; new: ${fresh.join(", ")}` : "";
  const beside = fork
    ? `; optimizer ${fork.optimizer}; ${fork.keepsStep ? "steps count on" : "steps count from 0"}`
    : "";
  return `begins with ${taken.join(", ")} of ${displayName(source)}${whose}${rest}${beside}`;
}
