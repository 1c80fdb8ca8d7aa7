// A plan's runs from a command, with signals and progress; by one process, or by several that share its cells out.
import { firstFailure, type Plan, type RanPlan, type RunPlanOptions, runPlan } from "../../compare/index.ts";
import type { Team } from "../../distributed/index.ts";
import { exitCodes } from "../../errors.ts";
import { planProgress } from "../terminal/plan-progress.ts";
import { exitCodeAfter, stopOnSignals } from "../terminal/stop-signals.ts";
import { inProcesses, type ProcessOptions } from "./together.ts";

/** Calls `body`, which returns the command's exit code: that of process 0 is that of all. */
export const withOthersCells = (
  command: string,
  options: ProcessOptions,
  body: (team?: Team) => Promise<number>,
): Promise<void> =>
  inProcesses(
    command,
    options,
    async (team) => {
      const code = await body(team);
      if (code !== 0) process.exitCode = code;
    },
    { trainsTogether: false, advice: "start all of them again; finished cells stand, and the others go on" },
  );

interface Running {
  folder: string;
  isJson: boolean;
  team: Team | undefined;
}

interface Telling extends Pick<RunPlanOptions, "withCorrelation" | "onCellEnd"> {
  /** Writes and prints what came of it; not called in the other processes. */
  onEnd: (ran: RanPlan) => Promise<void> | void;
}

/** Runs the plan, shows how it goes, and returns the exit code. */
export async function runPlanHere(
  plan: Plan,
  { folder, isJson, team }: Running,
  { onEnd, ...asked }: Telling,
): Promise<number> {
  const display = team?.isLeader === false ? undefined : planProgress(isJson ? process.stderr : process.stdout);
  const controller = new AbortController();
  const stop = stopOnSignals(() => controller.abort(), display ? console.error : () => {});
  try {
    const ran = await runPlan(plan, {
      ...asked,
      folder,
      team,
      signal: controller.signal,
      ...(display && { onProgress: display.show }),
    });
    display?.stop();
    const finish = async () => {
      await onEnd(ran);
      if (ran.reason === "stopped") console.error("stopped on request and saved; the same command goes on");
      if (ran.reason === "stopped") return exitCodeAfter[stop.signal ?? "SIGTERM"];
      const failure = firstFailure(ran.rows);
      return failure ? exitCodes[failure.kind] : 0;
    };
    if (!team) return await finish();
    const code = await team.byLeader(finish);
    team.sum(0); // the meeting place stays until all have heard it
    return code;
  } finally {
    display?.stop();
    stop.release();
  }
}
