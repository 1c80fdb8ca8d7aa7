import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { readCurrentBuild } from "../../../../setup/current.mjs";

/** Commands that never compute with tensors. */
const withoutEngine = new Set(["setup", "doctor", "report", "runs", "settings", "completion"]);

/** Asks a person at a terminal whether to set up now, where that was never done; elsewhere the command's own error says what to run. */
export async function offerSetup(command: string, { json }: { json?: unknown }): Promise<void> {
  if (withoutEngine.has(command) || json || !process.stdin.isTTY || !process.stderr.isTTY) return;
  if (readCurrentBuild() || !(await agrees())) return;
  const { setUp } = await import("./run.ts");
  await setUp({});
}

async function agrees(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const question =
    "selfsight is not set up yet: it needs libtorch (looked for here, else 200 MB are fetched) and compiles an addon, once.\nSet it up now? [Y/n] ";
  const isLeft = once(terminal, "close").then(() => "n"); // Ctrl-C, Ctrl-D
  try {
    const answer = await Promise.race([terminal.question(question).catch(() => "n"), isLeft]);
    return /^(y|yes|)$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
