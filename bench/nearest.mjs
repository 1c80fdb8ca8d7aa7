// How long an exact search takes, and from which size on an approximate index would pay.
//
//   node bench/nearest.mjs [--rows 10000,100000] [--dimensions 512] [--usearch PATH] [--faiss PYTHON [--depths 8,32] [--turns 3]]
//   after `npm run build`
//
// Rows are noise around 1,000 centres. `--usearch` takes the folder of an installed usearch and builds its index beside it: it pays when
// the queries asked of one index save more time than building it costs. `--faiss PYTHON` sets the ten nearest of every row, which
// near-duplicates begin with, beside faiss, in turns: its exact index, and an inverted file at some depths with its recall.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nearestNeighbours } from "../dist/evaluate/neighbours.js";
import { keyedStream } from "../dist/random.js";

const { values: given } = parseArgs({
  options: {
    rows: { type: "string", default: "10000,100000" },
    dimensions: { type: "string", default: "512" },
    usearch: { type: "string" },
    faiss: { type: "string" },
    depths: { type: "string", default: "" },
    turns: { type: "string", default: "3" },
    all: { type: "boolean", default: false },
  },
});
const dimensions = Number(given.dimensions);
const count = 10;

function noise(length, seed) {
  const next = keyedStream(seed);
  const centres = Float32Array.from({ length: 1000 * dimensions }, () => next() - 0.5);
  const values = new Float32Array(length * dimensions);
  for (let row = 0; row < length; row++) {
    const centre = Math.floor(1000 * next()) * dimensions;
    for (let d = 0; d < dimensions; d++) values[row * dimensions + d] = centres[centre + d] + 0.6 * (next() - 0.5);
  }
  return { values, length, dimensions };
}

const part = ({ values }, rows) => ({ values: values.slice(0, rows * dimensions), length: rows, dimensions });

function median(run, times = 7) {
  const seconds = Array.from({ length: times }, () => {
    const startedAt = performance.now();
    run();
    return (performance.now() - startedAt) / 1000;
  });
  return seconds.sort((a, b) => a - b)[Math.floor(times / 2)];
}

for (const rows of given.rows.split(",").map(Number)) {
  const bank = noise(rows, 1);
  const one = median(() => nearestNeighbours(bank, part(bank, 1), count));
  const many = median(() => nearestNeighbours(bank, part(bank, 256), count), 3) / 256;
  const line = { rows, dimensions, exactOneQueryMs: 1000 * one, exactOf256QueriesMs: 1000 * many };
  if (given.all) line.allPairsSeconds = allPairs(bank).seconds;
  if (given.usearch) Object.assign(line, besideUsearch(bank, one));
  console.log(JSON.stringify({ ...line, residentGB: process.memoryUsage().rss / 1e9 }));
  if (given.faiss) besideFaiss(bank);
}

function allPairs(bank) {
  const startedAt = performance.now();
  const { places } = nearestNeighbours(bank, bank, count, { isBank: true });
  return { places, seconds: (performance.now() - startedAt) / 1000 };
}

function besideFaiss(bank) {
  const folder = mkdtempSync(join(tmpdir(), "bench-nearest-"));
  const [rows, nearest] = [join(folder, "rows.f32"), join(folder, "nearest.i32")];
  writeFileSync(rows, bank.values);
  try {
    for (let turn = 0; turn < Number(given.turns); turn++) {
      const own = allPairs(bank);
      const peer = runFaiss(rows, nearest, bank.length, turn === 0 ? given.depths : "");
      const ratio = peer.found.flat.seconds / own.seconds;
      console.log(
        JSON.stringify({ ...peer, oursSeconds: own.seconds, oursRecall: recall(own.places, nearest), ratio }),
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runFaiss(rows, nearest, length, depths) {
  const script = fileURLToPath(new URL("peers/neighbours_faiss.py", import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    given.faiss,
    [script, rows, String(length), String(dimensions), nearest, ...(depths ? [depths] : [])],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Share of the ten nearest of each row, itself apart, that are among those which faiss's exact index names. */
function recall(places, file) {
  const bytes = readFileSync(file);
  const truth = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const found = places.filter((place, i) => {
    const row = Math.floor(i / count);
    return truth.subarray(row * (count + 1), (row + 1) * (count + 1)).includes(place);
  });
  return found.length / places.length;
}

function besideUsearch(bank, exactSeconds) {
  const usearch = createRequire(join(given.usearch, "package.json"))("usearch");
  const index = new usearch.Index({ dimensions, metric: "cos", connectivity: 16, quantization: "f32" });
  const startedAt = performance.now();
  for (let row = 0; row < bank.length; row++)
    index.add(BigInt(row), bank.values.subarray(row * dimensions, (row + 1) * dimensions));
  const build = (performance.now() - startedAt) / 1000;
  const query = median(() => index.search(part(bank, 1).values, count));
  return {
    usearchBuildSeconds: build,
    usearchQueryMs: 1000 * query,
    queriesUntilItPays: Math.ceil(build / (exactSeconds - query)),
  };
}
