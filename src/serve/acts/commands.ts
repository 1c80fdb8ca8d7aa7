// Selfsight's own commands as processes of their own: what they need of memory and libtorch is theirs, and they outlive the page.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SelfsightError } from "../../errors.ts";
import { removeQuietly } from "../../files.ts";
import { ownerOf } from "../folder/owner.ts";

export const selfsight = fileURLToPath(new URL("../../../bin/selfsight.mjs", import.meta.url));

/** A command that has said nothing for so long does not answer. */
const patienceMs = 120_000;

/** Starts `selfsight pretrain` and returns when it trains; it goes on when the page's server ends. Errors: configuration, with what it said. */
export async function startRun(folder: string, words: readonly string[]): Promise<void> {
  const path = join(dirname(folder), `.${basename(folder)}.start.log`);
  mkdirSync(dirname(folder), { recursive: true });
  const file = openSync(path, "w");
  const child = spawn(process.execPath, [selfsight, "pretrain", ...words], {
    stdio: ["ignore", file, file],
    detached: true,
  });
  closeSync(file);
  child.unref();
  let code: number | null | undefined;
  child.on("error", () => (code = 1));
  child.on("exit", (status) => (code = status));
  for (const until = Date.now() + patienceMs; Date.now() < until; await pause(150)) {
    if (isAtWork(folder, child.pid)) break;
    if (code !== undefined && code !== 0) throw refusalFrom(readFileSync(path, "utf8"));
    if (code === 0) break; // a run of few steps is done by now
  }
  removeQuietly(path); // the open file goes on taking what the process says; its log says it too
}

const isAtWork = (folder: string, pid: number | undefined): boolean =>
  existsSync(join(folder, "run.json")) && ownerOf(folder)?.pid === pid;

/** The command's own sentence, without its name. */
function refusalFrom(said: string): SelfsightError {
  const lines = said.trim().split("\n");
  const line = lines.findLast((one) => /^(selfsight|error): /.test(one)) ?? lines.at(-1) ?? "";
  return new SelfsightError(
    "configuration",
    line.replace(/^(selfsight|error): /, "") || "the command ended without a word",
  );
}
