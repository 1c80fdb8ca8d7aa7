// Breaks the saving of a checkpoint at every system call that touches the run's folder: by SIGKILL, and by the errors of a
// full or failing disk. After each, the folder must load the checkpoint before or the new one, whole; after an error the
// sentence must be there, exit 4, nothing temporary left, and the next save must work.
//   node test/save-sweep.mjs [--twin]      needs strace; --twin plants a fault that must be found
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { loadNewestCheckpoint } from "../dist/train/run/checkpoint.js";
import { save } from "./save-once.mjs";

const script = fileURLToPath(new URL("save-once.mjs", import.meta.url));
const killable = ["openat", "mkdir", "write", "fsync", "close", "rename", "unlink", "rmdir"];
const failing = {
  write: ["ENOSPC", "EIO", "EFBIG"],
  fsync: ["EIO", "ENOSPC"],
  mkdir: ["ENOSPC"],
  rename: ["ENOSPC", "EIO"],
  openat: ["EMFILE"],
};

export const canSweep = () => spawnSync("strace", ["-e", "trace=none", "true"]).status === 0;

/** Returns { points, badLoads, errors, badErrors }; the last of each as sentences. */
export function sweep({ twin = false, calls = killable, say = () => {} } = {}) {
  const root = mkdtempSync(join(tmpdir(), "selfsight-sweep-"));
  const result = { points: 0, badLoads: [], errors: 0, badErrors: [] };
  try {
    for (const point of pointsIn(root, twin).filter(({ call }) => calls.includes(call))) {
      const killed = runOnce(root, twin, point, "signal=KILL");
      result.points += 1;
      const problem = killed.signal === "SIGKILL" ? loadProblem(root) : `it was not killed (${killed.status})`;
      if (problem) result.badLoads.push(`kill at ${point.text}: ${problem}`);
      say(`kill at ${point.text}: ${problem ?? "loads"}`);
      for (const error of failing[point.call] ?? []) {
        result.errors += 1;
        const failed = runOnce(root, twin, point, `error=${error}`);
        const wrong = errorProblem(root, failed, error);
        if (wrong) result.badErrors.push(`${error} at ${point.text}: ${wrong}`);
        say(`${error} at ${point.text}: ${wrong ?? failed.stderr.trim()}`);
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return result;
}

/** What an unbroken save asks of the kernel, in order, such as `fsync .step-20.tmp/state.json`; repeats are one. */
export function traceOfSave() {
  const root = mkdtempSync(join(tmpdir(), "selfsight-trace-"));
  try {
    const changes = ["mkdir", "write", "fsync", "rename", "unlink", "rmdir"];
    const leftover = ".step-0000015.";
    const lines = pointsIn(root, false)
      .filter(({ call, path }) => changes.includes(call) && !path.includes(leftover))
      .map(({ call, path }) => `${call} ${relative(join(root, "run", "checkpoints"), path) || "."}`);
    return lines.filter((line, place) => line !== lines[place - 1]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The system calls of an unbroken save that name a path in the folder, each with its count among those of its kind on that path. */
function pointsIn(root, twin) {
  prepare(root);
  const log = join(root, "trace");
  strace(["-o", log, "-y", "-e", `trace=${killable.join(",")}`], root, twin);
  const counts = new Map();
  return readFileSync(log, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, call] = /^\d+\s+(\w+)\(/.exec(line) ?? [];
      const [path] = /\/[^">]*\/run\/checkpoints[^">]*/.exec(line) ?? [];
      if (call === undefined || path === undefined) return [];
      const key = `${call} ${path}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return [
        { call, path, when: counts.get(key), text: `${call} ${counts.get(key)} on ${path.slice(root.length + 5)}` },
      ];
    });
}

function prepare(root) {
  rmSync(join(root, "run"), { recursive: true, force: true });
  mkdirSync(join(root, "run"));
  save(join(root, "run"), 10);
  mkdirSync(join(root, "run", "checkpoints", ".step-0000015.1.tmp")); // what a dead save left behind
}

function runOnce(root, twin, { call, path, when }, fault) {
  prepare(root);
  return strace(
    ["-o", "/dev/null", "-P", path, "-e", `trace=${call}`, "-e", `inject=${call}:${fault}:when=${when}`],
    root,
    twin,
  );
}

const strace = (options, root, twin) =>
  spawnSync("strace", ["-f", ...options, process.execPath, script, join(root, "run"), ...(twin ? ["twin"] : [])], {
    encoding: "utf8",
    env: { ...process.env, UV_USE_IO_URING: "0" },
  });

function loadProblem(root) {
  try {
    const { state, model } = loadNewestCheckpoint(join(root, "run"), () => {});
    const value = new Float32Array(new Uint8Array(model.tensors.get("a").bytes).buffer)[7];
    if (![10, 20].includes(state.step) || value !== state.step) return `step ${state.step} holds ${value}`;
    save(join(root, "run"), 30);
    return loadNewestCheckpoint(join(root, "run"), () => {}).state.step === 30
      ? undefined
      : "the next save is not found";
  } catch (error) {
    return error.message;
  }
}

function errorProblem(root, { status, signal, stderr }, error) {
  const left = readdirSync(join(root, "run", "checkpoints")).filter(
    (name) => name.endsWith(`.tmp`) && !name.includes(".step-0000015."),
  );
  if (left.length > 0) return `left ${left}`;
  if (status === 0) return loadProblem(root); // the call was not needed, such as one that tidies up
  if (status !== 4) return `ended with ${status ?? signal}: ${stderr.trim().split("\n")[0]}`;
  if (!/^save checkpoint of 0\.0 MB: .*step-0000020: .+; .+/.test(stderr) || !stderr.includes(error))
    return `said: ${stderr}`;
  return loadProblem(root);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!canSweep()) {
    console.log("not run: needs strace with the right to trace");
  } else {
    const result = sweep({ twin: process.argv.includes("--twin"), say: console.log });
    console.log(JSON.stringify({ ...result, badLoads: result.badLoads.length, badErrors: result.badErrors.length }));
    for (const sentence of [...result.badLoads, ...result.badErrors]) console.log(sentence);
    if (result.badLoads.length + result.badErrors.length > 0) process.exitCode = 1;
  }
}
