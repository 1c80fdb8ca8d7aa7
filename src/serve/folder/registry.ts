// The runs that the server knows, looked for anew now and then; requests name them by id alone.
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RunList, RunSummary } from "../answers.ts";
import { type RunLog, runLog } from "../log/run-log.ts";
import { type FoundRun, findRuns } from "./find-runs.ts";
import { summaryOf } from "./summary.ts";

export interface Registry {
  readonly root: string;
  list(): Promise<RunList>;
  /** The run of an id, or undefined. */
  find(id: string): Promise<FoundRun | undefined>;
  /** Its log, read as far as it goes. */
  log(run: FoundRun): Promise<RunLog>;
}

/** So long a list is good; longer where looking took long. */
const freshMs = 1000;
/** Logs that are held read, the last used ones: at most some 2 MB each. */
const mostLogs = 48;

/** The runs below `folder`. */
export function registry(folder: string): Registry {
  const root = resolve(folder);
  const summaries = new Map<string, { stamp: string; summary: RunSummary }>();
  const logs = new Map<string, RunLog>();
  let known = new Map<string, FoundRun>();
  let listed: { until: number; list: Promise<RunList> } | undefined;

  async function look(): Promise<RunList> {
    const { runs, isCut } = await findRuns(root);
    known = new Map(runs.map((run) => [run.id, run]));
    for (const id of summaries.keys()) if (!known.has(id)) summaries.delete(id);
    const found: RunSummary[] = [];
    for (const [place, run] of runs.entries()) {
      found.push(freshSummary(summaries, run));
      if (place % 20 === 19) await nextTurn();
    }
    return { runs: found.sort((a, b) => (b.changed ?? 0) - (a.changed ?? 0)), isCut };
  }

  const list = (): Promise<RunList> => {
    if (listed && Date.now() < listed.until) return listed.list;
    const began = Date.now();
    const own = { until: Number.POSITIVE_INFINITY, list: look() };
    listed = own;
    const expire = () => {
      own.until = Date.now() + Math.max(freshMs, 5 * (Date.now() - began));
    };
    own.list.then(expire, expire);
    return own.list;
  };

  return {
    root,
    list,
    async find(id) {
      if (!known.has(id)) await list();
      return known.get(id);
    },
    async log({ id, folder: runFolder }) {
      const log = logs.get(id) ?? runLog(runFolder);
      logs.delete(id);
      logs.set(id, log);
      for (const oldest of logs.keys()) if (logs.size > mostLogs) logs.delete(oldest);
      await log.advance();
      return log;
    },
  };
}

/** A summary made anew where a file has changed since, and always where somebody may be at work. */
function freshSummary(known: Map<string, { stamp: string; summary: RunSummary }>, run: FoundRun): RunSummary {
  const stamp = ["log.jsonl", "run.json", "lock"].map((name) => stampOf(join(run.folder, name))).join(" ");
  const before = known.get(run.id);
  if (before?.stamp === stamp && before.summary.state !== "training") return before.summary;
  const summary = summaryOf(run);
  known.set(run.id, { stamp, summary });
  return summary;
}

function stampOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats ? `${stats.ino}:${stats.size}:${stats.mtimeMs}` : "none";
}
