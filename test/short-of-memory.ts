// A run whose address space is closed when it begins its first step: short-of-memory.ts OUT MEBIBYTES SETTINGS. Ends as the command does.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pretrain, SelfsightError } from "../src/index.ts";
import type { LogEvent } from "../src/train/index.ts";
import { tinyData } from "./tiny-run.ts";

const [out, mebibytes, settings] = process.argv.slice(2) as [string, string, string];

function closeMemory(): void {
  const kibibytes = Number(/VmSize:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]);
  const bytes = 1024 * (kibibytes + 1024 * Number(mebibytes));
  execFileSync("prlimit", ["--pid", String(process.pid), `--as=${bytes}`]);
}

function onEvent(event: LogEvent): void {
  if (event.event === "start") closeMemory();
  if (event.event === "warning") console.log(event.message);
}

try {
  await pretrain(tinyData(1, 1024), JSON.parse(settings), { out, onEvent });
} catch (error) {
  if (!(error instanceof SelfsightError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
