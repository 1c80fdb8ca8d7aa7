// Processes that work as one: how they find each other, agree, and find out who is missing.  W processes, D features
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { type ErrorKind, kindInCommand, SelfsightError } from "../errors.ts";
import {
  gatherCounted,
  type Meeting,
  openMeeting,
  type ProcessGroup,
  scope,
  setProcessGroup,
  sumOverProcesses,
  tensor,
} from "../torch/index.ts";
import { apart } from "./apart.ts";
import type { Launch } from "./launch.ts";
import { heard, key, type Member, ranks } from "./member.ts";
import { FaultOfAnother, isOfTheOthers, lossOf } from "./messages.ts";

/** Rows of one width, [n, D]; of a process that has none the width may be 0. */
export interface OwnRows {
  values: Float32Array;
  dimensions: number;
}

/** The rows of all processes, one process's after the other's. */
export interface RowsOfAll extends OwnRows {
  /** How many are each process's. [W] */
  counts: number[];
}

/** Process 0 leads: it alone prepares, logs, measures and saves. */
export interface Team {
  readonly rank: number;
  readonly size: number;
  readonly localRank: number;
  readonly isLeader: boolean;
  readonly group: ProcessGroup;
  /** The sum over the processes. */
  sum(value: number): number;
  /** The same of each number of a list. Whole numbers below 2^24 are exact. */
  sums(values: readonly number[]): number[];
  /** The rows of all processes, in each of them. */
  gather(own: OwnRows): RowsOfAll;
  /** The lists of all processes, one after the other. What they hold must survive JSON. */
  union<T>(own: readonly T[]): T[];
  /** What the leader's `work` gives, in every process; the others wait as long as the leader shows that it lives. */
  byLeader<T>(work: () => Promise<T> | T): Promise<T>;
  /** A number from 0 that no other process gets under this name. */
  take(name: string): number;
  /**
   * Work that each process does by itself, for hours perhaps: meanwhile it shows that it lives and looks whether the others do. Its end is
   * that of the slowest. `wish` is aborted when any of them is to stop, as `isStopping` says, or is gone.
   */
  apart<T>(work: (wish: AbortSignal) => Promise<T>, isStopping: () => boolean): Promise<T>;
  /** An error in words that name who is missing; tells the others of an error of one's own. Leaves the team. */
  explain(error: unknown): Promise<unknown>;
  leave(): void;
}

/** Whether this process prepares, logs, measures and saves: it is alone, or the first of several. */
export const leads = (team: Team | undefined): boolean => team === undefined || team.isLeader;

/** What the leader's `work` gives, or its error, in every process; a process that is alone does it. */
export const byLeader = async <T>(team: Team | undefined, work: () => Promise<T> | T): Promise<T> =>
  team ? team.byLeader(work) : work();

/** Longer than any call needs to fail once a connection is closed. */
const graceMilliseconds = 4000;

export interface JoinOptions {
  /** Whether steps are taken together: batch norm then has the statistics of all processes. Default true. */
  trainsTogether?: boolean;
  /** What to do when one is lost, at the end of that sentence. Default: resume. */
  advice?: string;
}

const resumeAll = "start all of them again with --resume, from the last checkpoint; fewer or more may go on";

/** Meets the others and opens the connections. Errors: distributed, with the names of those that did not come. */
export function joinTeam(
  launch: Launch,
  deadlineSeconds: number,
  { trainsTogether = true, advice = resumeAll }: JoinOptions = {},
): Team {
  const milliseconds = 1000 * deadlineSeconds;
  process.env.TORCH_CPP_LOG_LEVEL ??= "ERROR"; // read when the meeting place is opened
  const meeting = meet(launch, deadlineSeconds);
  const member = { launch, meeting, milliseconds, advice };
  meeting.set(key(member, "here", launch.rank), `${hostname()}, process ${process.pid}`);
  waitForAll(member);
  const group = open(member);
  if (trainsTogether) setProcessGroup(group);
  return teamOf(member, group);
}

function meet({ host, port, keepsMeeting, by, rank, size }: Launch, deadlineSeconds: number): Meeting {
  try {
    return openMeeting(host, port, keepsMeeting, 1000 * deadlineSeconds);
  } catch (cause) {
    if (cause instanceof SelfsightError) throw cause;
    const doing = keepsMeeting ? "cannot listen on" : "does not reach";
    const needed = keepsMeeting
      ? "the others meet it there; choose another MASTER_PORT, and for MASTER_ADDR an address of this machine"
      : `process 0 must be there within ${deadlineSeconds} s; check that it runs, and MASTER_ADDR, MASTER_PORT and the firewall`;
    throw new SelfsightError(
      "distributed",
      `process ${rank} of ${size} (started by ${by}) ${doing} ${host}:${port} (${(cause as Error).message.split("\n")[0]}); ${needed}`,
      { cause },
    );
  }
}

function waitForAll(member: Member): void {
  const { launch, milliseconds } = member;
  const until = performance.now() + milliseconds;
  const absent = ranks(launch).filter((rank) => heard(member, key(member, "here", rank), until) === undefined);
  if (absent.length === 0) return;
  throw new SelfsightError(
    "distributed",
    `${launch.size} processes: ${absent.map((rank) => `process ${rank}`).join(", ")} did not come within ${milliseconds / 1000} s; all of them are needed; look at their output, then start all of them again`,
  );
}

function open({ launch, meeting, milliseconds }: Member): ProcessGroup {
  const isAllHere = launch.by === "--processes";
  try {
    return meeting.open({
      ...launch,
      milliseconds,
      ...(isAllHere && { address: "127.0.0.1" }),
      networkInterface: process.env.GLOO_SOCKET_IFNAME,
    });
  } catch (cause) {
    throw new SelfsightError(
      "distributed",
      `process ${launch.rank} of ${launch.size}: it does not reach the others (${(cause as Error).message.split("\n")[0]}); an open network between all of them is needed; name the interface in GLOO_SOCKET_IFNAME, or open its ports`,
      { cause },
    );
  }
}

function teamOf(member: Member, group: ProcessGroup): Team {
  const { launch, meeting } = member;
  const { rank, size, localRank } = launch;
  let calls = 0;
  const sums = (values: readonly number[]) => sumsOf(values, group);
  const sum = (value: number) => sums([value])[0]!;
  return {
    rank,
    size,
    localRank,
    isLeader: rank === 0,
    group,
    sum,
    sums,
    gather: (own) => gathered(own, { group, sums }),
    take: (name) => meeting.add(key(member, `taken-${name}`), 1) - 1,
    apart: (work, isStopping) => apart(member, `apart-${++calls}`, work, isStopping),
    union<T>(own: readonly T[]): T[] {
      if (sum(own.length) === 0) return [];
      const name = `union-${++calls}`;
      meeting.set(key(member, name, rank), JSON.stringify(own));
      return ranks(launch).flatMap(
        (each) => JSON.parse(meeting.get(key(member, name, each), member.milliseconds)) as T[],
      );
    },
    byLeader<T>(work: () => Promise<T> | T): Promise<T> {
      const name = `leader-${++calls}`;
      return rank === 0 ? lead(member, name, work) : follow<T>(member, name);
    },
    explain: (error) => explain(member, group, error),
    leave: () => leave(group),
  };
}

function sumsOf(values: readonly number[], group: ProcessGroup): number[] {
  const row = tensor(Float32Array.from(values), [values.length]);
  try {
    sumOverProcesses([row], group);
    return [...row.float32()];
  } finally {
    row.free();
  }
}

function gathered({ values, dimensions }: OwnRows, { group, sums }: Pick<Team, "group" | "sums">): RowsOfAll {
  const { rank, size } = group;
  const own = [dimensions === 0 ? 0 : values.length / dimensions, dimensions];
  const facts = sums(Array.from({ length: 2 * size }, (_, i) => (i >> 1 === rank ? own[i % 2]! : 0)));
  const counts = facts.filter((_, i) => i % 2 === 0);
  const width = Math.max(...facts.filter((_, i) => i % 2 === 1));
  if (counts.every((count) => count === 0)) return { values: new Float32Array(), dimensions: width, counts };
  const rows = scope(() => gatherCounted(tensor(values, [own[0]!, width]), counts, group).float32());
  return { values: rows, dimensions: width, counts };
}

interface Told {
  value?: unknown;
  error?: { kind: ErrorKind; message: string };
}

/** While the leader works a pulse counts, so that the others can tell work from death. */
async function lead<T>(member: Member, name: string, work: () => Promise<T> | T): Promise<T> {
  const { meeting, milliseconds } = member;
  const stopPulse = meeting.pulse(key(member, `${name}-pulse`), milliseconds / 4);
  const say = (told: Told) => {
    meeting.set(key(member, name), JSON.stringify(told));
    meeting.add(key(member, `${name}-said`), 1);
  };
  try {
    const value = await work();
    say({ value });
    return value;
  } catch (error) {
    say({ error: { kind: kindInCommand(error), message: (error as Error).message } });
    throw error;
  } finally {
    stopPulse();
  }
}

async function follow<T>(member: Member, name: string): Promise<T> {
  const { value, error } = JSON.parse(await answer(member, name)) as Told;
  if (error === undefined) return value as T;
  throw new FaultOfAnother(error.kind, error.message, 0);
}

/** Between two looks; the first ones come soon after one another. */
const mostPauseMilliseconds = 100;

/** Looks for what process 0 says under a name, for as long as its pulse goes on. */
async function answer(member: Member, name: string): Promise<string> {
  const { meeting, milliseconds } = member;
  const counted = (what: string) => meeting.add(key(member, `${name}-${what}`), 0); // throws where the meeting place is gone
  let [pulse, since] = [0, performance.now()];
  for (let wait = 1; counted("said") === 0; wait = Math.min(2 * wait, mostPauseMilliseconds)) {
    const now = counted("pulse");
    if (now !== pulse) [pulse, since] = [now, performance.now()];
    if (performance.now() - since > milliseconds) throw new Error("the store timed out: process 0 is silent");
    await pause(wait);
  }
  return meeting.get(key(member, name), milliseconds);
}

async function explain(member: Member, group: ProcessGroup, error: unknown): Promise<unknown> {
  const isOwn = !isOfTheOthers(error);
  try {
    if (isOwn) member.meeting.set(key(member, "ended", member.launch.rank), (error as Error).message);
    else member.meeting.set(key(member, "called", member.launch.rank), "");
    member.meeting.add(key(member, "gone"), 1);
  } catch {} // the meeting place is gone: said below
  leave(group); // whoever waits for this process fails now
  const { found, silent } = isOwn ? { found: error, silent: [] } : rollCall(member, error);
  if (member.launch.keepsMeeting) waitForReaders(member, silent);
  else sayLeft(member);
  return found;
}

function sayLeft(member: Member): void {
  try {
    member.meeting.set(key(member, "left", member.launch.rank), "");
  } catch {} // nobody waits for it there
}

/** The meeting place stays until the others have read there what was said; those that answered nothing are not waited for. */
function waitForReaders(member: Member, silent: readonly number[]): void {
  const until = performance.now() + 2 * graceMilliseconds;
  for (const rank of ranks(member.launch).slice(1))
    if (!silent.includes(rank)) heard(member, key(member, "left", rank), until);
}

/** Who answers after a connection failed, who said why it ended, and who is silent. */
function rollCall(member: Member, cause: unknown): { found: SelfsightError; silent: number[] } {
  const { launch, milliseconds } = member;
  const others = ranks(launch).filter((rank) => rank !== launch.rank);
  const nameOf = (rank: number) => heard(member, key(member, "here", rank), 0);
  const isMeetingGone = nameOf(launch.rank) === undefined;
  const until = performance.now() + graceMilliseconds;
  const answers = isMeetingGone ? [] : others.map((rank) => ({ rank, ...answerOf(member, rank, until) }));
  const found = lossOf({
    size: launch.size,
    ended: answers.flatMap(({ rank, ended }) => (ended === undefined ? [] : [`process ${rank} ended: ${ended}`])),
    silent: answers.flatMap(({ rank, isSilent }) => (isSilent ? [`${rank} (${nameOf(rank)})`] : [])),
    isMeetingGone,
    keeper: launch.by === "torchrun" ? "torchrun's agent" : "process 0",
    seconds: milliseconds / 1000,
    advice: member.advice,
    cause,
  });
  return { found, silent: answers.flatMap(({ rank, isSilent }) => (isSilent ? [rank] : [])) };
}

/** One of two things is said by whoever lives; asked in turns, as a store waits for one key only. */
function answerOf(member: Member, rank: number, until: number): { ended?: string; isSilent?: boolean } {
  do {
    const ended = heard(member, key(member, "ended", rank), 0);
    if (ended !== undefined) return { ended };
    if (heard(member, key(member, "called", rank), 0) !== undefined) return {};
  } while (performance.now() < until);
  return { isSilent: true };
}

function leave(group: ProcessGroup): void {
  setProcessGroup(undefined);
  try {
    group.leave();
  } catch {} // it was left before
}
