// All of a run that its page says in words: settings, checkpoints, alarms, acts.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { RunDetails } from "../answers.ts";
import type { RunLog } from "../log/run-log.ts";
import type { FoundRun } from "./find-runs.ts";
import { kindOf } from "./light.ts";
import { objectFrom, readInside, readObject } from "./open-inside.ts";
import { objectIn, summaryOf, textIn } from "./summary.ts";

/** Out of its files and its log. */
export function detailsOf(run: FoundRun, log: RunLog): RunDetails {
  const file = readObject(run.folder, "run.json", 1 << 22);
  const warnings = log.eventsOf("warning");
  return {
    summary: summaryOf(run),
    folder: run.folder,
    settings: objectIn(file, "settings") ?? null,
    command: textIn(file, "command", 4000),
    created: textIn(file, "created"),
    from: file?.from ?? null,
    start: log.start ?? null,
    checkpoints: checkpointsIn(run.folder),
    evaluations: log.eventsOf("evaluation"),
    alarms: warnings.filter((warning) => kindOf(warning) !== undefined),
    remarks: warnings.filter((warning) => kindOf(warning) === undefined),
    acts: log.eventsOf("act"),
    extensions: log.eventsOf("extension"),
    ends: log.eventsOf("end"),
    changes: changesIn(run.folder),
    isSampled: log.isSampled,
  };
}

/** Steps that were saved: folders by the name that a finished save gives. */
export function checkpointsIn(folder: string): number[] {
  try {
    const names = readdirSync(join(folder, "checkpoints"));
    return names.flatMap((name) => (/^step-\d{7,12}$/.test(name) ? [Number(name.slice(5))] : [])).sort((a, b) => a - b);
  } catch {
    return [];
  }
}

function changesIn(folder: string): Readonly<Record<string, unknown>>[] {
  const lines =
    readInside(folder, "changes.jsonl", 1 << 20)
      ?.toString("utf8")
      .split("\n") ?? [];
  return lines.map(objectFrom).filter((change) => change !== undefined);
}
