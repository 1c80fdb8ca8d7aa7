// Processes of the command, several of them as one job, for tests that kill, stop or count them.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { projectRoot } from "../setup/current.mjs";
import { freePort } from "../src/cli/processes/start.ts";

const command = join(projectRoot, "bin", "selfsight.mjs");

export interface Member {
  child: ChildProcess;
  output: () => string;
  end: Promise<number | null>;
}

/** The command with these words in a folder, on one thread. */
export function startIn(folder: string, words: readonly string[], environment: Record<string, string> = {}): Member {
  const child = spawn(process.execPath, [command, ...words], {
    cwd: folder,
    env: { ...process.env, OMP_NUM_THREADS: "1", ...environment },
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part) => {
      text += part;
    });
  return { child, output: () => text, end: new Promise((resolve) => child.on("exit", resolve)) };
}

/** As many processes of it, in one job. */
export async function startAllIn(folder: string, words: readonly string[], size: number): Promise<Member[]> {
  const MASTER_PORT = String(await freePort());
  return Array.from({ length: size }, (_, rank) =>
    startIn(folder, words, { RANK: `${rank}`, WORLD_SIZE: `${size}`, MASTER_ADDR: "127.0.0.1", MASTER_PORT }),
  );
}

/** Runs a script in so many processes, and sees that each ends well and says nothing; one is alone. */
export async function runMembers(script: string, words: readonly string[], size: number): Promise<void> {
  const port = await freePort();
  const place = (rank: number) =>
    size === 1 ? {} : { RANK: `${rank}`, WORLD_SIZE: `${size}`, MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${port}` };
  const ends = Array.from({ length: size }, (_, rank) => memberEnd(script, words, place(rank)));
  expect(await Promise.all(ends)).toEqual(ends.map(() => ({ code: 0, errors: "" })));
}

function memberEnd(
  script: string,
  words: readonly string[],
  place: Record<string, string>,
): Promise<{ code: number | null; errors: string }> {
  const child = spawn(process.execPath, ["--import", "jiti/register", join(projectRoot, "test", script), ...words], {
    cwd: projectRoot,
    env: { ...process.env, ...place, OMP_NUM_THREADS: "1" },
  });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  return new Promise((resolve) => child.on("exit", (code) => resolve({ code, errors })));
}

/** What the first of them writes of the cases. */
export async function resultsOfMembers<Result>(
  script: string,
  asked: readonly { name: string }[],
  { size, folder }: { size: number; folder: string },
): Promise<Record<string, Result>> {
  const out = join(folder, `${Math.random()}.json`);
  await runMembers(script, [JSON.stringify(asked), out], size);
  return JSON.parse(readFileSync(out, "utf8"));
}

export const lengthOf = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/** ‖a − b‖ / ‖b‖. */
export function difference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return lengthOf(a.map((value, i) => value - b[i]!)) / lengthOf(b);
}
