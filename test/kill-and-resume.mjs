// Kills runs with SIGKILL at random moments, every second time inside a save, resumes them, and holds their last bits
// against those of a run that nobody killed.
//   node test/kill-and-resume.mjs --kills 20 [--seed 1]
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const command = fileURLToPath(new URL("../bin/selfsight.mjs", import.meta.url));
const settings =
  "shapes --steps 30 --batch 16 --size 16 --precision fp32 --set limit=80 --set width=4 --set projector=16-16 " +
  "--set warmupEpochs=1 --set knnEveryEpochs=0 --set checkpointEverySteps=2";
/** Kills in one run before it may end. */
const killsPerRun = 3;

/** Returns { kills, places: { start, training, save }, runs, equal, unequal, failures }. */
export async function killAndResume({ kills, seed = 1, say = () => {} }) {
  const root = mkdtempSync(join(tmpdir(), "selfsight-kill-"));
  const random = randomFrom(seed);
  const result = { kills: 0, places: { start: 0, training: 0, save: 0 }, runs: 0, equal: 0, unequal: 0, failures: [] };
  try {
    const whole = join(root, "whole");
    const startedAt = performance.now();
    await untilEnd(begin(whole));
    const seconds = (performance.now() - startedAt) / 1000;
    const expected = bitsOf(whole);
    say(`unbroken: ${seconds.toFixed(1)} s, ${expected}`);
    while (result.kills < kills) {
      const run = join(root, `run-${++result.runs}`);
      for (let kill = 0; kill < killsPerRun && result.kills < kills; kill++) {
        const place = await killOnce(run, { inSave: result.kills % 2 === 0, after: random() * 1000 * seconds, random });
        if (place === undefined) break; // it was quicker
        result.kills += 1;
        result.places[place] += 1;
        say(`kill ${result.kills}: in ${place}, newest ${newestStep(run)}`);
      }
      const { code, text } = await untilEnd(begin(run));
      if (code !== 0) result.failures.push(`run ${result.runs}: exit ${code}: ${text}`);
      if (code === 0 && bitsOf(run) === expected) result.equal += 1;
      else result.unequal += 1;
      say(`run ${result.runs}: ${code === 0 && bitsOf(run) === expected ? "equal" : "UNEQUAL"}`);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return result;
}

/** Starts a run, or goes on with it where there is one. */
function begin(run) {
  const isNew = !existsSync(join(run, "run.json"));
  const words = isNew ? [...settings.split(" "), "--out", run] : ["--resume", run];
  return spawn(process.execPath, [command, "pretrain", ...words], {
    env: { ...process.env, OMP_NUM_THREADS: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

function untilEnd(child) {
  let text = "";
  child.stderr.on("data", (piece) => {
    text += piece;
  });
  return new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal, text })));
}

/** Kills one process of the run; says where it was hit, or undefined when it ended before. */
async function killOnce(run, { inSave, after, random }) {
  const child = begin(run);
  const ended = untilEnd(child);
  let isOver = false;
  ended.then(() => {
    isOver = true;
  });
  const saveToHit = Math.floor(random() * 6); // of those that this process does
  const deadline = performance.now() + after;
  let saves = 0;
  let wasSaving = false;
  while (!isOver && (inSave ? saves <= saveToHit : performance.now() < deadline)) {
    const isSaving = leftovers(run).some((name) => name.includes(`.${child.pid}.`));
    if (isSaving && !wasSaving) saves += 1;
    wasSaving = isSaving;
    await new Promise(inSave ? setImmediate : (resolve) => setTimeout(resolve, 5));
  }
  if (inSave) await new Promise((resolve) => setTimeout(resolve, random() * 3));
  child.kill("SIGKILL");
  if ((await ended).signal !== "SIGKILL") return undefined;
  if (leftovers(run).some((name) => name.includes(`.${child.pid}.`))) return "save";
  return inSave || hasLoggedSince(run, child.pid) ? "training" : "start";
}

const leftovers = (run) => {
  const folder = join(run, "checkpoints");
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".tmp")) : [];
};

/** The lock of a killed process stays behind and names it: it had got as far as training. */
const hasLoggedSince = (run, pid) =>
  existsSync(join(run, "lock")) && readFileSync(join(run, "lock"), "utf8").includes(`"pid":${pid},`);

const checkpoints = (run) =>
  existsSync(join(run, "checkpoints"))
    ? readdirSync(join(run, "checkpoints"))
        .filter((name) => /^step-\d+$/.test(name))
        .sort()
    : [];

const newestStep = (run) => checkpoints(run).at(-1) ?? "none";

/** SHA-256 of the model's and the optimizer's tensors at the last step. */
function bitsOf(run) {
  const { step, files } = JSON.parse(readFileSync(join(run, "checkpoints", newestStep(run), "state.json"), "utf8"));
  return [step, ...Object.values(files).map(({ sha256 }) => sha256.slice(0, 16))].join(" ");
}

/** Uniform numbers from a seed (a linear congruential generator; only the moments of kills depend on it). */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { kills: { type: "string" }, seed: { type: "string" } } });
  const result = await killAndResume({
    kills: Number(values.kills ?? 20),
    seed: Number(values.seed ?? 1),
    say: console.log,
  });
  console.log(JSON.stringify(result, null, 2));
  if (result.unequal > 0 || result.failures.length > 0) process.exitCode = 1;
}
