// Processes that train as one: how they find each other, agree, and find out who is missing.
import { hostname } from "node:os";
import { SelfsightError } from "../errors.ts";
import {
  type Meeting,
  openMeeting,
  type ProcessGroup,
  setProcessGroup,
  sumOverProcesses,
  tensor,
} from "../torch/index.ts";
import type { Launch } from "./launch.ts";
import { isOfTheOthers, lossOf } from "./messages.ts";

/** Process 0 leads: it alone prepares, logs, measures and saves. */
export interface Team {
  readonly rank: number;
  readonly size: number;
  readonly localRank: number;
  readonly isLeader: boolean;
  readonly group: ProcessGroup;
  /** The sum over the processes. */
  sum(value: number): number;
  /** The lists of all processes, one after the other. What they hold must survive JSON. */
  union<T>(own: readonly T[]): T[];
  /** What the leader's `work` gives, in every process; the others wait as long as the leader shows that it lives. */
  byLeader<T>(work: () => Promise<T> | T): Promise<T>;
  /** An error in words that name who is missing; tells the others of an error of one's own. Leaves the team. */
  explain(error: unknown): Promise<unknown>;
  leave(): void;
}

/** Whether this process prepares, logs, measures and saves: it is alone, or the first of several. */
export const leads = (team: Team | undefined): boolean => team === undefined || team.isLeader;

/** Longer than any call needs to fail once a connection is closed. */
const graceMilliseconds = 4000;

interface Member {
  launch: Launch;
  meeting: Meeting;
  milliseconds: number;
}

/** Meets the others and opens the connections. Errors: distributed, with the names of those that did not come. */
export function joinTeam(launch: Launch, deadlineSeconds: number): Team {
  const milliseconds = 1000 * deadlineSeconds;
  process.env.TORCH_CPP_LOG_LEVEL ??= "ERROR"; // what it would warn of is said in sentences here; read when libtorch is loaded
  const meeting = meet(launch, deadlineSeconds);
  const member = { launch, meeting, milliseconds };
  meeting.set(key(member, "here", launch.rank), `${hostname()}, process ${process.pid}`);
  waitForAll(member);
  const group = open(member);
  setProcessGroup(group);
  return teamOf(member, group);
}

const key = ({ launch: { prefix } }: Pick<Member, "launch">, name: string, ...parts: number[]): string =>
  [prefix, name, ...parts].join("/");

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

const ranks = ({ size }: Launch): number[] => Array.from({ length: size }, (_, rank) => rank);

/** What was said under a key, waiting until then; undefined where nothing was. */
function heard({ meeting }: Member, name: string, until: number): string | undefined {
  try {
    return meeting.get(name, Math.max(100, until - performance.now()));
  } catch {
    return undefined;
  }
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
  const sum = (value: number) => sumOf(value, group);
  return {
    rank,
    size,
    localRank,
    isLeader: rank === 0,
    group,
    sum,
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

function sumOf(value: number, group: ProcessGroup): number {
  const values = tensor(Float32Array.of(value), [1]);
  try {
    sumOverProcesses([values], group);
    return values.item();
  } finally {
    values.free();
  }
}

interface Told {
  value?: unknown;
  error?: string;
}

/** While the leader works it counts, so that the others can tell work from death. */
async function lead<T>(member: Member, name: string, work: () => Promise<T> | T): Promise<T> {
  const { meeting, milliseconds } = member;
  let beats = 0;
  const beating = setInterval(() => meeting.set(key(member, `${name}-beats`), String(++beats)), milliseconds / 4);
  try {
    const value = await work();
    meeting.set(key(member, name), JSON.stringify({ value } satisfies Told));
    return value;
  } catch (error) {
    meeting.set(key(member, name), JSON.stringify({ error: (error as Error).message } satisfies Told));
    throw error;
  } finally {
    clearInterval(beating);
  }
}

async function follow<T>(member: Member, name: string): Promise<T> {
  const { value, error } = JSON.parse(await answer(member, name)) as Told;
  if (error === undefined) return value as T;
  throw new SelfsightError("distributed", `process 0 ended: ${error}`);
}

async function answer(member: Member, name: string): Promise<string> {
  const { meeting, milliseconds } = member;
  for (let seen: string | undefined; ; ) {
    try {
      return meeting.get(key(member, name), milliseconds);
    } catch (cause) {
      const beats = heard(member, key(member, `${name}-beats`), 0);
      if (beats === undefined || beats === seen) throw cause;
      seen = beats;
    }
    await new Promise(setImmediate); // signal handlers run
  }
}

async function explain(member: Member, group: ProcessGroup, error: unknown): Promise<unknown> {
  const isOwn = !isOfTheOthers(error);
  try {
    if (isOwn) member.meeting.set(key(member, "ended", member.launch.rank), (error as Error).message);
    else member.meeting.set(key(member, "called", member.launch.rank), "");
  } catch {} // the meeting place is gone: said below
  leave(group); // whoever waits for this process fails now
  const found = isOwn ? error : rollCall(member, error);
  if (member.launch.keepsMeeting) waitForReaders(member);
  else sayLeft(member);
  return found;
}

function sayLeft(member: Member): void {
  try {
    member.meeting.set(key(member, "left", member.launch.rank), "");
  } catch {} // nobody waits for it there
}

/** The meeting place stays until the others have read there what was said; the silent cost the patience once. */
function waitForReaders(member: Member): void {
  const until = performance.now() + 2 * graceMilliseconds;
  for (const rank of ranks(member.launch).slice(1)) heard(member, key(member, "left", rank), until);
}

/** Who answers after a connection failed, who said why it ended, and who is silent. */
function rollCall(member: Member, cause: unknown): SelfsightError {
  const { launch, milliseconds } = member;
  const others = ranks(launch).filter((rank) => rank !== launch.rank);
  const nameOf = (rank: number) => heard(member, key(member, "here", rank), 0);
  const isMeetingGone = nameOf(launch.rank) === undefined;
  const until = performance.now() + graceMilliseconds;
  const answers = isMeetingGone ? [] : others.map((rank) => ({ rank, ...answerOf(member, rank, until) }));
  return lossOf({
    size: launch.size,
    ended: answers.flatMap(({ rank, ended }) => (ended === undefined ? [] : [`process ${rank} ended: ${ended}`])),
    silent: answers.flatMap(({ rank, isSilent }) => (isSilent ? [`${rank} (${nameOf(rank)})`] : [])),
    isMeetingGone,
    keeper: launch.by === "torchrun" ? "torchrun's agent" : "process 0",
    seconds: milliseconds / 1000,
    cause,
  });
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
