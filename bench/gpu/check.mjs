#!/usr/bin/env node
// The checks of check.sh: each has its time limit, and its result is on disk before the next one begins (results.jsonl, results.md, and the
// whole output of each beside them).
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: chosen } = parseArgs({
  options: {
    dry: { type: "boolean", default: false },
    out: { type: "string", default: join(root, "runs", "gpu-check") },
    seconds: { type: "string" },
    only: { type: "string" },
    python: { type: "string", default: "python3" },
  },
});
const isDry = chosen.dry;
const device = isDry ? "cpu" : "cuda";
const until = performance.now() + 1000 * Number(chosen.seconds ?? (isDry ? 360 : 720));

// ---- what is checked ----

const selfsight = (text, ...more) => [process.execPath, join(root, "bin/selfsight.mjs"), ...text.split(" "), ...more];
const node = (path, ...more) => [process.execPath, join(root, path), ...more];
const bench = (text) => selfsight(`bench ${text} --device ${device} --json`);
const peer = (text, compile) => [
  ...[chosen.python, join(root, "bench/peers/step_pytorch.py"), "--device", device],
  ...["--compile", compile ? "1" : "0", ...text.split(" ")],
];

const resident = (way) => node("bench/gpu/resident.mjs", way, device, ...(isDry ? ["--dry"] : []));

/** The GPU's size of a thing, or that of a dry run. */
const sized = (real, dry) => (isDry ? dry : real);
const small = sized(
  "--backbone resnet18 --size 32 --batch 256 --projector 2048-2048-2048 --precision bf16 --steps 20",
  "--backbone resnet18 --size 16 --width 4 --batch 16 --projector 16-16 --precision fp32 --steps 2",
);
const large = sized(
  "--backbone resnet50 --size 224 --batch 128 --projector 8192-8192-8192 --precision bf16 --steps 10",
  "--backbone resnet50 --size 32 --width 4 --batch 8 --projector 32-32 --precision fp32 --steps 2",
);
const anyMethod = sized(
  "--size 32 --batch 256 --precision bf16 --steps 20",
  "--size 16 --width 4 --batch 16 --steps 2",
);
const others = ["simclr", "moco-v2", "byol", "swav", "simsiam", "vicreg", "supervised"];
const run = `${join(chosen.out, "cifar10")} --set knnEveryEpochs=1`;

const checks = [
  { name: "doctor", limit: 60, words: selfsight("doctor --json"), figure: (found) => `${found.devices.join(", ")}` },
  { name: "verify", limit: 120, words: selfsight(`verify test/reference --device ${device} --json`), figure: verified },
  {
    name: "losses",
    limit: 120,
    words: node("bench/gpu/same-losses.mjs", device),
    figure: ({ largest }) => `differ by ${largest} at most`,
  },
  {
    name: "graph-bits",
    limit: 150,
    words: node("bench/gpu/graph-bits.mjs"),
    figure: ({ methods, differing }) =>
      differing.length === 0 ? `${methods} methods with the bits of steps that are run` : `other bits: ${differing}`,
    needsGpu: true,
  },
  { name: "resume", limit: 150, words: node("test/kill-and-resume.mjs", "--kills", sized("4", "2")), figure: resumed },
  { name: "views-32", limit: 60, words: bench(`augment --size 32 --batch ${sized(256, 32)} --steps ${sized(50, 2)}`) },
  { name: "views-224", limit: 60, words: bench(`augment --size 224 --batch ${sized(256, 8)} --steps ${sized(20, 2)}`) },
  ...["views", "carried"].map((way) => ({
    name: `resident-${way}`,
    limit: 90,
    words: resident(way),
    figure: sameViews,
  })),
  { name: "resident-pace", limit: 120, words: resident("pace"), figure: paceOfRun },
  {
    name: "loss",
    limit: 60,
    words: bench(`loss ${sized("--batch 2048 --features 8192", "--batch 64 --features 128 --steps 2")}`),
  },
  ...beside("resnet18", 90, small),
  ...beside("resnet50", 120, large),
  ...others.map((method) => ({
    name: `step-${method}`,
    limit: 60,
    words: bench(`step --method ${method} ${anyMethod}`),
  })),
  ...["barlow-twins", ...others].map((method) => ({
    name: `graph-${method}`,
    limit: 60,
    words: bench(`step --cuda-graph --method ${method} ${method === "barlow-twins" ? small : anyMethod}`),
    needsGpu: true,
  })),
  { name: "graph-resnet50", limit: 90, words: bench(`step --cuda-graph ${large}`), needsGpu: true },
  { name: "profile", limit: 60, words: bench(`profile ${small}`), figure: parts },
  {
    name: "cifar10-epoch",
    limit: 120,
    words: selfsight(
      sized(
        `pretrain cifar10 --epochs 1 --batch 256 --size 32 --out ${run}`,
        `pretrain shapes --steps 3 --batch 16 --size 16 --set width=4 --set limit=80 --out ${run}`,
      ),
      "--json",
    ),
    figure: ({ step }) => `${step} steps`,
  },
  {
    name: "speedrun", // last: it takes what is left, and ends by itself before it would be stopped
    limit: sized(480, 90),
    least: sized(150, 1),
    words: (limit) =>
      selfsight(
        sized(
          `speedrun cifar10 --target 80 --out ${join(chosen.out, "speedrun")}`,
          `speedrun shapes --target 1 --out ${join(chosen.out, "speedrun")} --set epochs=1 --set batchSize=16 --set size=16 --set width=4 --set projector=16-16 --set limit=200`,
        ),
        ...["--device", device, "--json", "--limit-minutes", String(Math.max(0.1, (limit - besideTraining) / 60))],
      ),
    figure: sped,
  },
];

/** Seconds that a speedrun has for its start and for the test pictures. */
const besideTraining = sized(75, 30);

/** Our step, and the same one in PyTorch: as it comes, and compiled. */
function beside(name, limit, options) {
  return [
    { name: `step-${name}`, limit, words: bench(`step ${options}`) },
    { name: `step-${name}-eager`, limit, words: peer(options, false), isPeer: true },
    { name: `step-${name}-compiled`, limit: 2 * limit, words: peer(options, true), isPeer: true },
  ];
}

// ---- how a result is told in one line ----

const seconds = ({ medianSeconds, minSeconds, maxSeconds, imagesPerSecond }) =>
  `${[medianSeconds, minSeconds, maxSeconds].map((each) => Number((1000 * each).toPrecision(3))).join(", ")} ms (median, min, max), ${Math.round(imagesPerSecond)} images/s`;

function verified(cases) {
  const count = (wanted) => cases.filter(({ status }) => status === wanted).length;
  const largest = Math.max(...cases.map(({ maxRelativeError }) => maxRelativeError ?? 0));
  return `${count("passed")} passed, ${count("failed")} failed, ${count("unsupported")} not supported; largest error ${largest.toExponential(1)}`;
}

function resumed({ kills, runs, equal }) {
  return `${kills} kills, ${equal} of ${runs} runs with the bits of the unbroken one`;
}

function parts(found) {
  const names = ["dataWait", "views", "forward", "loss", "backward", "update"];
  return names.map((name) => `${name} ${found[name].milliseconds.toPrecision(3)} ms`).join(", ");
}

function sped({ target, runs: [{ outcome, seconds: taken, looks, test }] }) {
  const best = Math.max(0, ...looks.map(({ knn }) => knn));
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  return `${target} % kNN ${outcome} after ${taken.training.toFixed(1)} s of training (${taken.withMeasuring.toFixed(1)} s with measuring), best ${percent(best)} on held-out pictures; test ${test ? percent(test.value) : "not measured"}`;
}

function sameViews({ isEqual, size, batch, hostMilliseconds, milliseconds }) {
  const bits = isEqual ? "the same bits" : "OTHER BITS";
  return `${bits}; two views of ${batch} pictures of ${size}: ${hostMilliseconds} ms with their upload, ${milliseconds} ms so`;
}

function paceOfRun({ imagesPerSecond, stepImagesPerSecond, share, residentBytes }) {
  const [run, step] = [imagesPerSecond, stepImagesPerSecond].map(Math.round);
  return `a run ${run}, its bare step ${step} images/s: ${share} (aim: 0.9); ${(residentBytes / 1e6).toFixed(1)} MB resident`;
}

/** The JSON that was printed: all of it, its last line, or what begins with a brace; undefined where there is none. */
function jsonOf(output) {
  const lines = output.trim().split("\n");
  for (const text of [output, lines.at(-1), lines.slice(lines.indexOf("{")).join("\n")])
    try {
      return JSON.parse(text);
    } catch {}
  return undefined;
}

function figureOf({ figure = seconds }, output) {
  const found = jsonOf(output);
  return found === undefined ? output.trim().split("\n").at(-1) : figure(found);
}

// ---- one after the other ----

const pythonHasTorch = spawnSync(chosen.python, ["-c", "import torch"]).status === 0;

function resultOf(check) {
  const left = (until - performance.now()) / 1000;
  if (check.needsGpu && isDry) return { status: "skipped", figure: "needs a GPU", seconds: 0 };
  if (check.isPeer && !pythonHasTorch)
    return { status: "skipped", figure: `${chosen.python} has no torch`, seconds: 0 };
  if (left < (check.least ?? 1)) return { status: "skipped", figure: "no time was left", seconds: 0 };
  const limit = Math.min(check.limit, left);
  const startedAt = performance.now();
  const given = typeof check.words === "function" ? check.words(limit) : check.words;
  const [program, ...words] = given;
  const options = {
    cwd: root,
    encoding: "utf8",
    timeout: Math.round(1000 * limit),
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
  };
  const { status, signal, stdout = "", stderr = "" } = spawnSync(program, words, options);
  const took = (performance.now() - startedAt) / 1000;
  writeFileSync(join(chosen.out, `${check.name}.txt`), `${given.join(" ")}\n\n${stdout}\n${stderr}`);
  if (signal) return { status: "stopped", figure: `not done after ${limit.toFixed(0)} s`, seconds: took };
  const isFine = status === 0;
  return {
    status: isFine ? "ok" : "failed",
    figure: isFine || jsonOf(stdout) ? tell(check, stdout) : stderr.trim().split("\n").at(-1),
    seconds: took,
  };
}

function tell(check, output) {
  try {
    return figureOf(check, output);
  } catch {
    return output.trim().split("\n").at(-1); // an error as JSON, or a figure of another form
  }
}

function write({ name }, { status, figure, seconds: took }) {
  appendFileSync(join(chosen.out, "results.jsonl"), `${JSON.stringify({ name, status, seconds: took, figure })}\n`);
  appendFileSync(join(chosen.out, "results.md"), `| ${name} | ${status} | ${took.toFixed(1)} | ${figure} |\n`);
  console.log(`${status.padEnd(8)}${name.padEnd(26)}${took.toFixed(1).padStart(6)} s  ${figure}`);
}

const names = chosen.only?.split(",") ?? checks.map(({ name }) => name);
const unknown = names.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(`check: ${unknown.join(", ")} is none of ${checks.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
rmSync(chosen.out, { recursive: true, force: true });
mkdirSync(chosen.out, { recursive: true });
writeFileSync(join(chosen.out, "results.jsonl"), "");
writeFileSync(join(chosen.out, "results.md"), "| check | result | s | figure |\n|---|---|---|---|\n");
const outcomes = checks
  .filter(({ name }) => names.includes(name))
  .map((check) => {
    const result = resultOf(check);
    write(check, result);
    return result.status;
  });
const count = (wanted) => outcomes.filter((status) => status === wanted).length;
console.log(
  `${count("ok")} ok, ${count("failed")} failed, ${count("stopped")} stopped, ${count("skipped")} skipped; ${chosen.out}`,
);
process.exitCode = count("failed") + count("stopped") > 0 ? 1 : 0;
