// A plan's cells among several processes: each takes the next one that nobody has. Who has what is in the meeting place, so it ends with
// the processes; what is done is on the disk, as ever.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Team } from "../../distributed/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { chosenDevice, type Settings } from "../../train/index.ts";
import { labelOf, type Plan } from "../plan/plan.ts";
import { budgetOf } from "./cells.ts";

interface Work<Cell> {
  /** In the order of the plan. */
  cells: readonly Cell[];
  isFinished: (cell: Cell) => boolean;
  /** Runs what is left of a cell; `wish` ends it after saving. */
  run: (cell: Cell, wish: AbortSignal) => Promise<"ended" | "stopped">;
  /** Told in process 0 of cells that others have run, or that stood. */
  tell: (cell: Cell, kind: "kept" | "done") => void;
  isStopping: () => boolean;
}

const lookMilliseconds = 1000;

/** Returns when all cells are done, or all processes have stopped. Errors: distributed, when a process is lost. */
export async function runCellsTogether<Cell>(team: Team, work: Work<Cell>): Promise<"complete" | "stopped"> {
  const own = new Set<Cell>();
  const open = new Set(work.cells.filter((cell) => !work.isFinished(cell)));
  if (team.isLeader) for (const cell of work.cells) if (!open.has(cell)) work.tell(cell, "kept");
  const tellDone = () => {
    for (const cell of open)
      if (!own.has(cell) && work.isFinished(cell)) {
        open.delete(cell);
        work.tell(cell, "done");
      }
  };
  const looking = team.isLeader ? setInterval(tellDone, lookMilliseconds) : undefined;
  try {
    const end = await team.apart((wish) => runTaken(team, work, own, wish), work.isStopping);
    if (team.isLeader) tellDone();
    return team.sum(Number(end === "stopped")) > 0 ? "stopped" : "complete";
  } finally {
    clearInterval(looking);
  }
}

async function runTaken<Cell>(team: Team, { cells, isFinished, run }: Work<Cell>, own: Set<Cell>, wish: AbortSignal) {
  for (;;) {
    if (wish.aborted) return "stopped";
    const cell = cells[team.take("cell")];
    if (cell === undefined) return "complete";
    if (isFinished(cell)) continue;
    own.add(cell);
    if ((await run(cell, wish)) === "stopped") return "stopped";
  }
}

/** Steps that fill minutes depend on what else a machine does. Errors: configuration. */
export function refuseTimes(plan: Plan): void {
  const timed = plan.rows.find((row) => "minutes" in budgetOf(plan, row));
  if (!timed) return;
  throw new SelfsightError(
    "configuration",
    `compare: ${displayName(labelOf(timed))} has a budget of minutes, and several processes run cells side by side; what fits into a minute is measured undisturbed; give steps, epochs or images, or start one process`,
  );
}

const lockPath = (folder: string): string => join(folder, "lock");

/** What stands in the folder for as long as process 0 has it. */
export const lockIn = (folder: string): string => readFileSync(lockPath(folder), "utf8");

/** Errors: storage, where the folder's name leads to another one than in process 0. */
export function refuseOtherFolder(folder: string, lock: string, { rank }: Team): void {
  try {
    if (lockIn(folder) === lock) return;
  } catch {} // not even there
  throw new SelfsightError(
    "storage",
    `compare: ${displayName(folder)} is not the folder of process 0 in process ${rank}; all of them write into one; name one that lies on a shared disk`,
  );
}

/** The GPU of this process among those of its machine; its cells' own processes see no other. */
export function environmentOf(team: Team | undefined, { device }: Pick<Settings, "device">): Record<string, string> {
  if (!team || !["auto", "cuda"].includes(device)) return {};
  const chosen = chosenDevice(device, team.localRank);
  if (!chosen.startsWith("cuda:")) return {};
  const index = Number(chosen.slice("cuda:".length));
  const visible = process.env.CUDA_VISIBLE_DEVICES?.split(",");
  return { CUDA_VISIBLE_DEVICES: visible?.[index] ?? String(index) };
}
