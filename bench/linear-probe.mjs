#!/usr/bin/env node
// Processor time of a step of the linear probe on cached features, with all candidates side by side and with one.
//   npm run build && OMP_NUM_THREADS=1 node bench/linear-probe.mjs
import { trainHeads } from "../dist/evaluate/protocols/linear-probe.js";
import { keyedStream } from "../dist/random.js";
import { noGrad, scope, tensor } from "../dist/torch/index.js";

const [images, features, classes, epochs] = [25_600, 512, 10, 10]; // 1,000 steps
const random = keyedStream(1, 1);
const values = Float32Array.from({ length: images * features }, () => random() - 0.5);
const labels = Int32Array.from({ length: images }, (_, i) => i % classes);
const rates = [30, 10, 3, 1, 0.3, 0.1];
const candidates = rates.flatMap((learningRate) =>
  [0, 1e-4, 1e-3].map((weightDecay) => ({ learningRate, weightDecay })),
);
for (const chosen of [candidates, candidates.slice(0, 1)]) {
  const before = process.cpuUsage();
  noGrad(() =>
    scope(() => {
      trainHeads({ inputs: tensor(values, [images, features]), labels }, chosen, { classes, epochs, seed: 0 });
    }),
  );
  const { user, system } = process.cpuUsage(before);
  console.log(`${chosen.length} heads: ${((user + system) / 1e6).toFixed(2)} ms of the processor a step`);
}
