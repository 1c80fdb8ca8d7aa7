#!/usr/bin/env node
// What scikit-learn's LinearSVC (LIBLINEAR) gives on keyed rows, for test/reference/svm.json; needs numpy and scikit-learn.
//   npm run build && node bench/svm-reference.mjs --python python3 > test/reference/svm.json
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createJiti } from "jiti";

const { values } = parseArgs({ options: { python: { type: "string", default: "python3" } } });
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { multiLabelRows } = await createJiti(import.meta.url).import(here("../test/multi-label-rows.ts"));
const plain = ({ values: rows, labels, ...rest }) => ({ ...rest, values: [...rows], labels: [...labels] });
const input = JSON.stringify({
  train: plain(multiLabelRows({ length: 150, seed: 1 })),
  test: plain(multiLabelRows({ length: 90, seed: 2 })),
});
const { stdout, stderr, status } = spawnSync(values.python, [here("peers/svm_sklearn.py")], {
  input,
  encoding: "utf8",
});
if (status !== 0) throw new Error(stderr);
process.stdout.write(stdout);
