// One line of the list of runs, from the ends of its files: a thousand runs are listed in a second.
import type { LoggedEvent, RunState, RunSummary } from "../answers.ts";
import { eventsIn } from "../log/lines.ts";
import type { FoundRun } from "./find-runs.ts";
import { lightOf } from "./light.ts";
import { bytesAt, readObject, withFile } from "./open-inside.ts";
import { ownerOf } from "./owner.ts";
import { isOwn } from "./rights.ts";

/** Bytes of a log's beginning that hold its first event, and of its end that hold the last of each kind. */
const headBytes = 1 << 13;
const tailBytes = 1 << 18;

/** What a run's folder says of itself. */
export function summaryOf(run: FoundRun): RunSummary {
  const file = readObject(run.folder, "run.json", 1 << 22);
  const { start, step, evaluation, alarm, look, last, changed } = lastEventsIn(run.folder);
  const owner = ownerOf(run.folder);
  const progress = { step: last?.step ?? 0, totalSteps: numberIn(start, "totalSteps") };
  return {
    id: run.id,
    name: run.name,
    state: stateOf({ file, isOwned: owner !== undefined, ...progress }),
    method: textIn(objectIn(file, "settings"), "method"),
    data: textIn(file, "data"),
    ...{ ...progress, loss: numberIn(step, "loss") },
    ...{ accuracy: numberIn(evaluation, "value"), protocol: textIn(evaluation, "protocol") },
    light: lightOf(alarm, look),
    created: timeIn(file, "created"),
    changed,
    owner: owner ? `process ${owner.pid} on ${owner.host}` : null,
    isOwn: isOwn(run.folder),
  };
}

function stateOf(known: {
  file: object | undefined;
  isOwned: boolean;
  step: number;
  totalSteps: number | null;
}): RunState {
  if (!known.file) return "damaged";
  if (known.isOwned) return "training";
  return known.totalSteps !== null && known.step >= known.totalSteps ? "finished" : "stopped";
}

interface LastEvents {
  start?: LoggedEvent | undefined;
  step?: LoggedEvent | undefined;
  evaluation?: LoggedEvent | undefined;
  alarm?: LoggedEvent | undefined;
  /** The last step in which the collapse watch looked. */
  look?: LoggedEvent | undefined;
  last?: LoggedEvent | undefined;
  changed: number | null;
}

/** The last event of each kind. Lines are found by their bytes, and only those are read as JSON. */
function lastEventsIn(folder: string): LastEvents {
  const found = withFile(folder, "log.jsonl", ({ file, stats }): LastEvents => {
    const tail = bytesAt(file, Math.max(0, stats.size - tailBytes), Math.min(stats.size, tailBytes));
    const lastOf = (marker: string) => lastEventWith(tail, marker);
    return {
      start: lastOf('"event":"start"') ?? lastEventWith(bytesAt(file, 0, headBytes), '"event":"start"'),
      step: lastOf('"event":"step"'),
      evaluation: lastOf('"event":"evaluation"'),
      alarm: lastOf('"alarm":{') ?? lastOf('"event":"warning"'),
      look: lastOf('"featureStd":'),
      last: lastOf('"event":'),
      changed: stats.mtimeMs,
    };
  });
  return found ?? { changed: null };
}

/** The event of the last whole line that has `marker`. */
function lastEventWith(bytes: Buffer, marker: string): LoggedEvent | undefined {
  const end = bytes.lastIndexOf(0x0a);
  const at = end < 0 ? -1 : bytes.lastIndexOf(marker, end);
  if (at < 0) return undefined;
  const from = bytes.lastIndexOf(0x0a, at) + 1;
  return eventsIn(bytes.subarray(from, bytes.indexOf(0x0a, at)))[0];
}

type Tree = Readonly<Record<string, unknown>> | undefined;

/** The number under a key of what a file says, or null. */
export function numberIn(tree: Tree, key: string): number | null {
  const value = tree?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** The text under a key, at most so many characters of it, or null. */
export function textIn(tree: Tree, key: string, most = 400): string | null {
  const value = tree?.[key];
  return typeof value === "string" ? value.slice(0, most) : null;
}

/** The table under a key, or undefined. */
export function objectIn(tree: Tree, key: string): Tree {
  const value = tree?.[key];
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function timeIn(tree: Tree, key: string): number | null {
  const time = Date.parse(textIn(tree, key) ?? "");
  return Number.isNaN(time) ? null : time;
}
