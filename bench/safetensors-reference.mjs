#!/usr/bin/env node
// What the reference parser of safetensors says of each damaged file, for test/reference/safetensors.json; needs its Python package.
//   node bench/safetensors-reference.mjs --python python3 [--count 20000] > test/reference/safetensors.json
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createJiti } from "jiti";

const { values } = parseArgs({
  options: { python: { type: "string", default: "python3" }, count: { type: "string", default: "20000" } },
});
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { damagedFiles } = await createJiti(import.meta.url).import(here("../test/damaged-safetensors.ts"));
const lengthOf = (bytes) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return length;
};
const input = Buffer.concat([...damagedFiles(Number(values.count))].flatMap((bytes) => [lengthOf(bytes), bytes]));
const { stdout, stderr, status } = spawnSync(values.python, [here("peers/safetensors_verdicts.py")], {
  input,
  encoding: "utf8",
  maxBuffer: 2 ** 28,
});
if (status !== 0) throw new Error(stderr);
process.stdout.write(stdout);
