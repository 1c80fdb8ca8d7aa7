// How long an exact search takes, and from which size on an approximate index would pay.
//
//   node bench/nearest.mjs [--rows 10000,100000] [--dimensions 512] [--usearch PATH]     after `npm run build`
//
// Rows are noise around 1,000 centres. `--usearch` takes the folder of an installed usearch and builds its index beside it: it pays when
// the queries asked of one index save more time than building it costs.
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nearestNeighbours } from "../dist/evaluate/neighbours.js";
import { keyedStream } from "../dist/random.js";

const { values: given } = parseArgs({
  options: {
    rows: { type: "string", default: "10000,100000" },
    dimensions: { type: "string", default: "512" },
    usearch: { type: "string" },
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
  if (given.all) {
    const startedAt = performance.now();
    nearestNeighbours(bank, bank, count, { isBank: true });
    line.allPairsSeconds = (performance.now() - startedAt) / 1000;
  }
  if (given.usearch) Object.assign(line, besideUsearch(bank, one));
  console.log(JSON.stringify({ ...line, residentGB: process.memoryUsage().rss / 1e9 }));
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
