// Processes of the command, several of them as one job, for tests that kill, stop or count them.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
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
