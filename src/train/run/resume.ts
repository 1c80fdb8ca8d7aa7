// What a run that goes on may differ in from the run that began.
import { createHash } from "node:crypto";
import { SelfsightError } from "../../errors.ts";
import { changesBetween } from "../settings/setting-tree.ts";
import { methodOf, type PartialSettings, resolveSettings, type Settings } from "../settings/settings.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { LogEvent } from "./log.ts";

/** Settings that leave the result as it is; all others are fixed once a run has begun. */
const freeOnResume = [
  "device",
  "cudaGraph", // numbers of a step are rounded otherwise, as on another device
  "residentPictures",
  "logEverySteps",
  "watchEverySteps",
  "observeEverySteps",
  "knnEveryEpochs",
  "checkpointEverySteps",
  "checkpointEveryMinutes",
  "keepCheckpoints",
  "maxBadShare",
] as const satisfies readonly (keyof Settings)[];

/** A run may be extended, see `extension.ts`. */
const isLength = (key: string): boolean => key === "epochs" || key === "steps";

/** Whether a setting, by its dotted key, leaves the result as it is. */
export const isFree = (key: string): boolean => (freeOnResume as readonly string[]).includes(key);

/** Settings that came later: left out of the hash where they are as they were before, so that older runs fit. */
const laterSettings = {
  onlineLinear: false,
  warmupShare: 1,
  range: null,
  bands: null,
  earlySize: null,
  earlyShare: 0.5,
  holdOut: 0,
} as const satisfies Partial<Settings>;
const laterInMethod: Partial<Record<Settings["method"], PartialSettings>> = {
  "barlow-twins": { mixing: 0 },
  byol: { lastBias: true },
  simclr: { projectorNorm: true },
};
const laterInOptimizer = { eta: 0.001, clipsRatio: false } as const satisfies Partial<Settings["optimizer"]>;

const withoutLater = (settings: object, later: Readonly<Record<string, unknown>>) =>
  Object.entries(settings).filter(([key, value]) => later[key] !== value);

/** A short hash of the settings that shape the result; a checkpoint carries it. */
export function settingsHash(settings: Settings): string {
  const optimizer = Object.fromEntries(withoutLater(settings.optimizer, laterInOptimizer));
  const later = { ...laterSettings, ...laterInMethod[settings.method] };
  const shaping = withoutLater({ ...settings, optimizer }, later).filter(([key]) => !isFree(key));
  return createHash("sha256").update(JSON.stringify(shaping)).digest("hex").slice(0, 16);
}

/** The run's settings with what may change changed. Errors: configuration, naming each fixed key with its old and new value. */
export function resumedSettings(stored: Settings, ...layers: readonly PartialSettings[]): Settings {
  methodOf(stored); // one that is not known is named before its settings seem wrong
  const wanted = resolveSettings(stored, ...layers);
  const changes = changesBetween(stored, wanted).filter(({ key }) => !isLength(key) && !isFree(key.split(".")[0]!));
  if (changes.length === 0) return wanted;
  const listed = changes.map(({ key, from, to }) => `${key} ${JSON.stringify(from)} -> ${JSON.stringify(to)}`);
  throw new SelfsightError(
    "configuration",
    `resume: ${listed.join(", ")}; in a run that has begun only ${freeOnResume.join(", ")} and its length (epochs, steps) may change; leave it out, or start a new run with another --out`,
  );
}

/** Errors: checkpoint, when the checkpoint was saved under other settings than the run has at its step, which hash to one of these. */
export function refuseForeignCheckpoint({ folder, state }: Checkpoint, hashes: readonly string[]): void {
  if (hashes.includes(state.settingsHash)) return;
  throw new SelfsightError(
    "checkpoint",
    `resume: ${folder} was saved under other settings than those of run.json with the changes of changes.jsonl; a checkpoint of this run is needed; restore those two files, or remove the checkpoint that does not belong here`,
  );
}

const machineFacts = ["selfsight", "libtorch", "device", "precision", "threads"] as const;

/** A sentence when this machine computes differently from the one on which the run was last at work. */
export function differenceOfMachines(events: readonly LogEvent[], now: LogEvent): string | undefined {
  const before = events.findLast((event) => event.event === "start");
  if (!before || now.event !== "start") return undefined;
  const changes = machineFacts.filter((fact) => before[fact] !== undefined && before[fact] !== now[fact]);
  if (changes.length === 0) return undefined;
  const listed = changes.map((fact) => `${fact} ${before[fact]} -> ${now[fact]}`).join(", ");
  return `${listed}: the run goes on, but no longer with the bits of an unbroken one`;
}
