// `--processes N`: the same command N times on this machine.
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { availableParallelism, constants } from "node:os";
import { startedHere } from "../../distributed/index.ts";
import { exitCodes } from "../../errors.ts";
import { exitCodeAfter, type StopSignal } from "../terminal/stop-signals.ts";

/** How long the others have to find out by themselves that one has failed. */
const graceMilliseconds = 20_000;

/** Starts the processes, hands signals on, and returns the exit code of all. */
export async function runProcesses(count: number): Promise<number> {
  const port = await freePort();
  const children = Array.from({ length: count }, (_, rank) => startProcess(rank, count, port));
  const release = handOnSignals(children);
  const words = children.map(wordsOf);
  const ends = children.map(endOf);
  let lost: number | undefined;
  for (const [rank, end] of ends.entries())
    end.then((code) => {
      if (code === 0) return;
      lost ??= rank;
      setTimeout(() => killAll(children), graceMilliseconds).unref();
    });
  const codes = await Promise.all(ends);
  release();
  for (const [rank, code] of codes.entries()) if (isUnsaid(codes[0]!, code)) words[rank]!();
  if (lost !== undefined && codes.every((code) => code === killedCode)) sayWhoEnded(lost, count);
  return codeOfAll(codes);
}

/** Keeps what a process prints, and says it when called; the first one's goes to the terminal by itself. */
function wordsOf({ stdout, stderr }: ChildProcess): () => void {
  const said: [NodeJS.WriteStream, Buffer][] = [];
  stdout?.on("data", (part: Buffer) => said.push([process.stdout, part]));
  stderr?.on("data", (part: Buffer) => said.push([process.stderr, part]));
  return () => {
    for (const [stream, part] of said) stream.write(part);
  };
}

/** The first process tells its own reason to end; where it has none, whoever else has one does. A wish to stop needs no words. */
const isUnsaid = (firstCode: number, code: number): boolean =>
  !hasReason(firstCode) && !isWish(firstCode) && (hasReason(code) || firstCode > 128);

const isWish = (code: number): boolean => Object.values<number>(exitCodeAfter).includes(code);

const killedCode = 128 + constants.signals.SIGKILL;

/** Where none of them lived to say it. */
const sayWhoEnded = (rank: number, count: number): void =>
  console.error(
    `selfsight: ${count} processes: process ${rank} was ended by SIGKILL; all of them are needed; start all of them again`,
  );

/** Whether an exit code is more than "all is well", "another one is gone" or "a signal ended it". */
const hasReason = (code: number): boolean => code !== 0 && code !== exitCodes.distributed && code < 128;

function startProcess(rank: number, count: number, port: number): ChildProcess {
  const threads = process.env.OMP_NUM_THREADS ?? String(Math.max(1, Math.floor(availableParallelism() / count)));
  const place = {
    RANK: String(rank),
    LOCAL_RANK: String(rank),
    WORLD_SIZE: String(count),
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT: String(port),
    OMP_NUM_THREADS: threads,
    [startedHere]: "1",
  };
  const words = [...process.execArgv, process.argv[1]!, ...withoutProcesses(process.argv.slice(2))];
  return spawn(process.execPath, words, {
    stdio: rank === 0 ? "inherit" : ["inherit", "pipe", "pipe"],
    env: { ...process.env, ...place },
  });
}

/** The words of this command without `--processes N` or `--processes=N`. */
export const withoutProcesses = (words: readonly string[]): string[] =>
  words.filter(
    (word, i) => word !== "--processes" && words[i - 1] !== "--processes" && !word.startsWith("--processes="),
  );

function handOnSignals(children: readonly ChildProcess[]): () => void {
  const signals = Object.keys(exitCodeAfter) as StopSignal[];
  const handOn = (signal: StopSignal) => {
    for (const child of children) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, handOn);
  return () => {
    for (const signal of signals) process.off(signal, handOn);
  };
}

/** 128 + the signal's number, as shells have it, for one that a signal ended. */
const endOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => {
    child.on("error", () => resolve(1));
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });

function killAll(children: readonly ChildProcess[]): void {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
}

/** A process's own reason before "another one is gone"; killed ones have none. */
function codeOfAll(codes: readonly number[]): number {
  const own = codes.find((code) => hasReason(code) || isWish(code));
  return own ?? (codes.some((code) => code !== 0) ? exitCodes.distributed : 0);
}

/** A port of the loopback that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
