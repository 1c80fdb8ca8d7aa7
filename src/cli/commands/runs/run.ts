import { statSync } from "node:fs";
import { relative } from "node:path";
import { terminalText } from "../../../compare/index.ts";
import { displayName, SelfsightError } from "../../../errors.ts";
import {
  type PrunedRun,
  prunableCheckpoints,
  pruneRun,
  type RunSummary,
  runFoldersBelow,
  surveyRun,
} from "../../../train/index.ts";
import { bytesText, durationText } from "../../terminal/amounts.ts";

export interface RunsOptions {
  prune?: true | undefined;
  yes?: true | undefined;
  json?: true | undefined;
}

/** `selfsight runs [FOLDER]`. */
export function listRuns(folder: string, { prune, yes, json }: RunsOptions): void {
  if (yes && !prune)
    throw new SelfsightError("configuration", "runs: --yes without --prune; there is nothing to agree to; add --prune");
  const runs = foldersIn(folder).map(surveyRun);
  if (prune) {
    pruneRuns(runs, { yes: yes === true, json: json === true });
    return;
  }
  if (json) console.log(JSON.stringify(runs, null, 2));
  else printRuns(folder, runs);
}

function foldersIn(folder: string): string[] {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return runFoldersBelow(folder);
  throw new SelfsightError(
    "configuration",
    `runs: ${displayName(folder)} is ${found ? "no folder" : "not there"}; a run or a folder with runs is needed; name it, or begin with \`selfsight pretrain\``,
  );
}

function printRuns(folder: string, runs: readonly RunSummary[]): void {
  if (runs.length === 0) {
    console.log(`no runs in ${displayName(folder)}`);
    return;
  }
  const headings = ["run", "state", "method", "step", "kNN", "size", "changed"];
  console.log(terminalText({ headings, rows: runs.map((run) => cellsOf(folder, run)) }));
  for (const run of runs) {
    if (run.owner) console.log(`\n${named(folder, run)}: process ${run.owner.pid} on ${displayName(run.owner.host)}`);
    if (run.forkOf !== null) console.log(`\n${named(folder, run)}: forked from ${displayName(run.forkOf)}`);
    if (run.changes > 0)
      console.log(
        `\n${named(folder, run)}: settings changed ${timesText(run.changes)} while it trained; \`selfsight log ${displayName(run.folder)} --acts\` shows them`,
      );
    if (run.problem !== null) console.log(`\n${named(folder, run)}: ${run.problem}`);
  }
}

const timesText = (count: number): string => (count === 1 ? "once" : `${count} times`);

const named = (root: string, { folder }: RunSummary): string => displayName(relative(root, folder) || folder);

function cellsOf(root: string, run: RunSummary): string[] {
  const { state, method, step, totalSteps, knn, bytes, changed } = run;
  return [
    named(root, run),
    state,
    method ?? "",
    totalSteps === null ? String(step) : `${step}/${totalSteps}`,
    knn === null ? "" : `${(100 * knn).toFixed(1)} %`,
    bytesText(bytes),
    `${durationText((Date.now() - changed.getTime()) / 1000)} ago`,
  ];
}

function pruneRuns(runs: readonly RunSummary[], { yes, json }: { yes: boolean; json: boolean }): void {
  const planned = runs.map(prunableCheckpoints).filter(({ checkpoints }) => checkpoints.length > 0);
  const pruned = yes ? planned.map(({ folder }) => pruneRun(folder)) : planned;
  if (json) {
    console.log(JSON.stringify({ deleted: yes, runs: pruned }, null, 2));
    return;
  }
  for (const path of pruned.flatMap(({ checkpoints }) => checkpoints))
    console.log(`${yes ? "deleted" : "would delete"} ${displayName(path)}`);
  console.log(pruneSummary(pruned, yes));
}

function pruneSummary(pruned: readonly PrunedRun[], isDone: boolean): string {
  const bytes = pruned.reduce((sum, run) => sum + run.bytes, 0);
  if (pruned.length === 0) return "nothing to delete: each finished run has one checkpoint";
  return isDone ? `${bytesText(bytes)} freed` : `${bytesText(bytes)} would be freed; add --yes to delete`;
}
