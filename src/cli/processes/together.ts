// A command as one process, as several that this one starts, or as one of several that somebody has started.
import {
  giveOrders,
  type JoinOptions,
  joinTeam,
  type Launch,
  launchFrom,
  obeyOrders,
  type Team,
} from "../../distributed/index.ts";
import { SelfsightError } from "../../errors.ts";
import type { MeasureSharing } from "../../work/index.ts";
import { type Order, openHelper, sharingBy } from "../../work/sharing.ts";
import { stopOnSignals } from "../terminal/stop-signals.ts";
import { runProcesses } from "./start.ts";

/** What `--processes` and `--deadline` say. */
export interface ProcessOptions {
  processes?: number | undefined;
  deadline?: number | undefined;
}

const usualDeadlineSeconds = 300;

/** Calls `body` with the others, or without where this process is alone. Errors: distributed, with who is missing; else as `body`. */
export async function inProcesses(
  command: string,
  { processes, deadline }: ProcessOptions,
  body: (team?: Team) => Promise<void>,
  join: JoinOptions = {},
): Promise<void> {
  const launch = launchFrom(process.env);
  if (processes !== undefined && launch) throw startedTwice(command, processes, launch);
  if (launch?.by === "--processes") endWithStarter();
  if ((processes ?? 1) > 1) process.exitCode = await runProcesses(processes!);
  else if (launch) await amongOthers(joinTeam(launch, deadline ?? usualDeadlineSeconds, join), body);
  else await body();
}

/** Between two looks, in milliseconds. */
const lookMilliseconds = 1000;

/** A starter that was killed could hand no signal on: then this process is asked to stop as by that. */
function endWithStarter(): void {
  const starter = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === starter) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, lookMilliseconds);
  timer.unref();
}

async function amongOthers(team: Team, body: (team: Team) => Promise<void>): Promise<void> {
  try {
    await body(team);
  } catch (error) {
    throw await team.explain(error);
  } finally {
    team.leave();
  }
}

const startedTwice = (command: string, processes: number, { by, size }: Launch): SelfsightError =>
  new SelfsightError(
    "configuration",
    `${command}: --processes ${processes}, but ${by} has started ${size} processes already; one of them is needed; leave --processes away`,
  );

/** Of a command that process 0 carries out: the others compute features with it, and end with its exit code. */
export const withHelpers = (
  command: string,
  options: ProcessOptions,
  body: (sharing?: MeasureSharing) => Promise<void>,
): Promise<void> =>
  inProcesses(
    command,
    options,
    async (team) => {
      if (!team) return body();
      await (team.isLeader ? leadHelpers(team, body) : help(team));
      team.sum(0); // the meeting place stays until all have heard of the end
    },
    { trainsTogether: false, advice: "start all of them again; fewer or more may go on" },
  );

/** A wish to stop reaches this process as a signal of its own. */
async function leadHelpers(team: Team, body: (sharing: MeasureSharing) => Promise<void>): Promise<void> {
  let hasWished = false;
  const onWish = () => {
    if (!hasWished) process.kill(process.pid, "SIGTERM");
    hasWished = true;
  };
  const work = (orders: Parameters<typeof sharingBy>[0]) => body(sharingBy(orders, onWish));
  await giveOrders<Order, void>(team, work, () => Number(process.exitCode ?? 0));
}

async function help(team: Team): Promise<void> {
  const stop = stopOnSignals(
    () => {},
    () => {},
  );
  const helper = openHelper(team, () => stop.signal !== undefined);
  try {
    process.exitCode = await obeyOrders<Order>(team, helper.obey);
  } finally {
    helper.free();
    stop.release();
  }
}
