#!/usr/bin/env node
// Sets a figure of this machine beside the same figure of its peer in Python: fresh processes in turn (ours, peer, ours, peer, ...),
// so that what else the machine does falls on both. A ratio is peer / ours of one turn: above 1, ours needs less.
//   node bench/compare.mjs step --batch 64 --precision bf16 --python python3
//   node bench/compare.mjs method --method simclr --batch 64 --python python3      (beside LightlySSL's modules)
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The named facts of our figure as options: what is measured is the same by construction. */
const facts = (ours, names) => names.flatMap((name) => [`--${name}`, String(ours[name])]);

/** The peer's file, what it imports, its options for the conditions that our figure reports, and our figure where its name is another. */
const peers = {
  step: {
    file: here("peers/step_pytorch.py"),
    needs: "torch",
    options: (ours, steps) => [
      ...facts(ours, ["backbone", "width", "size", "batch", "projector", "precision", "threads"]),
      "--steps",
      steps,
    ],
  },
  method: {
    ours: "step",
    file: here("peers/step_lightly.py"),
    needs: "lightly",
    options: (ours, steps) => [
      ...facts(ours, ["method", "width", "size", "batch", "precision", "threads"]),
      "--steps",
      steps,
    ],
  },
  loss: {
    file: here("peers/loss_pytorch.py"),
    needs: "torch",
    options: (ours, steps) => [...facts(ours, ["batch", "features", "threads"]), "--steps", steps],
  },
  augment: {
    file: here("peers/augment_torchvision.py"),
    needs: "torchvision",
    options(ours, steps) {
      if (ours.size !== 32)
        fail(`compare: augment at size ${ours.size}; the peer makes views of 32x32 pictures in memory; give --size 32`);
      return ["--cifar", "--images", String(ours.batch), "--repeats", steps, ...facts(ours, ["threads"])];
    },
  },
  pipeline: {
    file: here("peers/augment_torchvision.py"),
    needs: "torchvision",
    options: (ours, steps) => [
      ...["--folder", ours.data, "--images", String(ours.batch), "--repeats", steps],
      ...facts(ours, ["size", "threads"]),
    ],
  },
};

const figures = ["medianSeconds", "minSeconds", "peakResidentMiB"];

/** What our addon does at load, in glibc's words for a process that cannot do it itself. */
const tunedAllocator = {
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: "2147483647",
  MALLOC_TOP_PAD_: String(64 * 2 ** 20),
};

const usage = `node bench/compare.mjs ${Object.keys(peers).join("|")} [--python python3] [--rounds 5] [--tuned-peer] [--json] [options of \`selfsight bench\`]`;

const own = {
  python: { type: "string", default: "python3" },
  rounds: { type: "string", default: "5" },
  "tuned-peer": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  steps: { type: "string", default: "10" },
};

function main() {
  const { what, chosen, passed } = readArguments(process.argv.slice(2));
  refuseMissing(chosen.python, peers[what]);
  const turns = Array.from({ length: Number(chosen.rounds) }, () => turn(what, chosen, passed));
  const result = { what, conditions: conditionsOf(turns[0]), rounds: turns.length, figures: rowsOf(turns) };
  if (chosen.json) console.log(JSON.stringify(result));
  else print(result);
}

/** Our own options apart; every other one goes to `selfsight bench`, which checks it. */
function readArguments(given) {
  const { values, tokens, positionals } = parseArgs({
    args: given,
    options: own,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const what = positionals[0];
  if (!Object.hasOwn(peers, what ?? ""))
    fail(`compare: ${what ?? "nothing"} was given; a figure that has a peer is needed; ${usage}`);
  if (!/^[1-9]\d{0,2}$/.test(values.rounds)) fail(`compare: --rounds ${values.rounds}; 1 to 999 is needed; ${usage}`);
  const ownPlaces = new Set(tokens.filter((token) => token.name in own || token.value === what).flatMap(placesOf));
  return { what, chosen: values, passed: given.filter((_, place) => !ownPlaces.has(place)) };
}

const placesOf = ({ index, value, inlineValue }) =>
  value !== undefined && inlineValue === false ? [index, index + 1] : [index];

function refuseMissing(python, { file, needs }) {
  const command = here("../bin/selfsight.mjs");
  if (!existsSync(here("../dist/cli/main.js"))) fail(`compare: ${command} is not built; run \`npx selfsight setup\``);
  if (!existsSync(file)) fail(`compare: ${file} is missing; it is part of the repository; check out bench/peers`);
  const found = spawnSync(python, ["-c", `import ${needs}`], { encoding: "utf8" });
  if (found.error)
    fail(`compare: ${python} does not start (${found.error.code}); a Python is needed; give --python PATH`);
  const reason = found.stderr.trim().split("\n").at(-1);
  if (found.status !== 0)
    fail(
      `compare: ${python} cannot import ${needs} (${reason}); the peer needs it; give --python of an environment that has it`,
    );
}

/** One turn: ours, then the peer under the conditions that ours reports. */
function turn(what, { python, steps, "tuned-peer": isTuned }, passed) {
  const ours = run(process.execPath, [
    here("../bin/selfsight.mjs"),
    "bench",
    peers[what].ours ?? what,
    "--steps",
    steps,
    "--json",
    ...passed,
  ]);
  const peer = run(python, [peers[what].file, ...peers[what].options(ours, steps)], isTuned ? tunedAllocator : {});
  refuseAnotherLibtorch(ours, peer);
  return { ours, peer };
}

function refuseAnotherLibtorch({ libtorch }, peer) {
  if (peer.libtorch !== undefined && peer.libtorch.split("+")[0] !== libtorch.split("+")[0])
    fail(
      `compare: ours runs libtorch ${libtorch}, the peer ${peer.libtorch}; both must be the same; give another --python`,
    );
}

function run(program, parameters, environment = {}) {
  const env = { ...process.env, ...environment };
  const { status, stdout, stderr } = spawnSync(program, parameters, { encoding: "utf8", env });
  if (status !== 0) fail(`compare: ${program} ${parameters.join(" ")} ended with ${status}:\n${stderr.trim()}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

const conditionNames = [
  "method",
  "backbone",
  "width",
  "size",
  "batch",
  "projector",
  "features",
  "precision",
  "threads",
  "libtorch",
];

const conditionsOf = ({ ours }) =>
  Object.fromEntries(conditionNames.filter((name) => name in ours).map((name) => [name, ours[name]]));

const rowsOf = (turns) =>
  figures.filter((name) => turns.every(({ peer }) => name in peer)).map((name) => row(name, turns));

function row(name, turns) {
  const spread = (numbers) => {
    const sorted = numbers.toSorted((a, b) => a - b);
    return { min: sorted[0], median: sorted[Math.floor(sorted.length / 2)], max: sorted.at(-1) };
  };
  return {
    name,
    ours: spread(turns.map(({ ours }) => ours[name])),
    peer: spread(turns.map(({ peer }) => peer[name])),
    ratio: spread(turns.map(({ ours, peer }) => peer[name] / ours[name])),
  };
}

function print({ what, conditions, rounds, figures: rows }) {
  const facts = Object.entries(conditions).map(([name, value]) => `${name} ${value}`);
  console.log(`${what}: ${facts.join(", ")}; ${rounds} rounds`);
  console.log(["min / median / max".padEnd(20), "ours".padEnd(32), "peer".padEnd(32), "peer / ours"].join(""));
  const cell = ({ min, median, max }) =>
    [min, median, max].map((number) => String(Number(number.toPrecision(4)))).join(" / ");
  for (const { name, ours, peer, ratio } of rows)
    console.log([name.padEnd(20), cell(ours).padEnd(32), cell(peer).padEnd(32), cell(ratio)].join(""));
}

function fail(message) {
  console.error(message);
  process.exit(2);
}

main();
