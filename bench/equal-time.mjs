#!/usr/bin/env node
// Ours and LightlySSL's of the same method for the same training time, one narrow ResNet, kNN on CIFAR-10's test pictures.
// Ours first, by the row of methods-quick; then the peer for as many seconds as ours took, so that what else the machine does
// falls on both. Pairs that are done are kept; a cell of `selfsight compare methods-quick --out` with the same folder serves too.
//   node bench/equal-time.mjs --data FOLDER_OF_CIFAR_BINARIES --python python3 --out compared/methods-quick
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const methods = ["barlow-twins", "simclr", "moco-v2", "byol", "swav", "simsiam"];

const { values: chosen } = parseArgs({
  options: {
    data: { type: "string" },
    python: { type: "string", default: "python3" },
    minutes: { type: "string", default: "4" },
    methods: { type: "string", default: methods.join(",") },
    /** Barlow Twins trains with each, the others with the first. */
    seeds: { type: "string", default: "0,1,2" },
    /** The peer's arithmetic; bf16 comes with channels-last. */
    precision: { type: "string", default: "bf16" },
    out: { type: "string" },
  },
});

async function main() {
  if (!chosen.data || !chosen.out)
    fail(
      "equal-time: no --data or no --out; both are needed; give --data FOLDER_OF_CIFAR_BINARIES --out compared/NAME",
    );
  if (!existsSync(here("../dist/compare/index.js"))) fail("equal-time: not built; run `npm run setup`");
  const { plans } = await import("../dist/compare/index.js");
  mkdirSync(chosen.out, { recursive: true });
  for (const { method, seed } of pairs()) {
    const path = join(chosen.out, `pair-${method}-${seed}.json`);
    if (existsSync(path)) continue;
    const ours = trainOurs(plans["methods-quick"], method, seed);
    const peer = trainPeer(method, seed, ours);
    writeFileSync(path, `${JSON.stringify({ method, seed, ours, peer }, null, 2)}\n`);
    console.error(`${method} seed ${seed}: ours ${ours.knn.toFixed(3)}, LightlySSL ${peer.knn.toFixed(3)}`);
  }
  console.log(markdown());
}

function pairs() {
  const seeds = chosen.seeds.split(",").map(Number);
  return chosen.methods
    .split(",")
    .flatMap((method) => (method === "barlow-twins" ? seeds : seeds.slice(0, 1)).map((seed) => ({ method, seed })));
}

/** The row's cell and what is read from its folder. */
function trainOurs(plan, method, seed) {
  const rows = plan.rows.filter((row) => row.method === method);
  const own = { ...plan, rows, seeds: [seed], budget: { minutes: Number(chosen.minutes) }, published: [] };
  const file = join(chosen.out, "equal-time-plan.json");
  writeFileSync(file, JSON.stringify({ ...own, data: "cifar10" }));
  run(process.execPath, [here("../bin/selfsight.mjs"), "compare", file, "--out", chosen.out, "--json"]);
  return factsOf(method, seed);
}

function factsOf(method, seed) {
  const cells = join(chosen.out, "cells");
  const json = (path) => JSON.parse(readFileSync(path, "utf8"));
  const done = readdirSync(cells)
    .map((name) => join(cells, name))
    .filter((cell) => existsSync(join(cell, "result.json")));
  const [folder, another] = done.filter((cell) => {
    const { settings } = json(join(cell, "run.json"));
    return settings.method === method && settings.seed === seed;
  });
  if (another) fail(`equal-time: ${folder} and ${another}; one run of ${method} is needed; choose another --out`);
  const log = readFileSync(join(folder, "log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { steps, imagesPerSecond, threads } = json(join(folder, "training.json"));
  const { settings } = json(join(folder, "run.json"));
  return {
    ...{ seconds: log.findLast(({ event }) => event === "end").seconds, steps, imagesPerSecond, threads },
    ...{ batch: settings.batchSize, width: settings.width, stem: settings.stem },
    knn: json(join(folder, "result.json")).evaluations.find(({ protocol }) => protocol.startsWith("knn")).value,
  };
}

function trainPeer(method, seed, { seconds, threads, width, stem }) {
  const arithmetic = chosen.precision === "bf16" ? ["--precision", "bf16", "--channels-last"] : [];
  const found = run(chosen.python, [
    ...[here("peers/lightly_cifar10.py"), "--data", chosen.data, "--method", method, "--seed", String(seed)],
    ...[
      "--minutes",
      String(seconds / 60),
      "--width",
      String(width / 64),
      "--stem-stride",
      stem === "small-stride-2" ? "2" : "1",
    ],
    ...["--threads", String(threads), ...arithmetic],
  ]);
  return JSON.parse(found.trim().split("\n").at(-1));
}

function run(program, parameters) {
  const env = { ...process.env, SELFSIGHT_DATA: dirname(resolve(chosen.data)) };
  const { status, stdout, stderr } = spawnSync(program, parameters, { encoding: "utf8", env, maxBuffer: 2 ** 28 });
  if (status !== 0) fail(`equal-time: ${program} ${parameters.join(" ")} ended with ${status}:\n${stderr?.trim()}`);
  return stdout;
}

function markdown() {
  const found = pairs().map(({ method, seed }) =>
    JSON.parse(readFileSync(join(chosen.out, `pair-${method}-${seed}.json`), "utf8")),
  );
  const percent = (share) => (100 * share).toFixed(1);
  const rate = ({ imagesPerSecond }) => Math.round(imagesPerSecond);
  return [
    "| method | seed | kNN, ours | kNN, LightlySSL | steps x batch, ours | LightlySSL | images/s, ours | LightlySSL | seconds |",
    "|---|---|---|---|---|---|---|---|---|",
    ...found.map(
      ({ method, seed, ours, peer }) =>
        `| ${method} | ${seed} | ${percent(ours.knn)} | ${percent(peer.knn)} | ${ours.steps} x ${ours.batch} | ${peer.steps} x ${peer.batch} | ${rate(ours)} | ${rate(peer)} | ${Math.round(ours.seconds)} |`,
    ),
  ].join("\n");
}

function fail(message) {
  console.error(message);
  process.exit(2);
}

await main();
