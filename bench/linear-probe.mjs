#!/usr/bin/env node
// Processor time of a step of the linear probe on cached features, with all candidates side by side and with one; then the whole probe
// on 50,000 x 512 features of ten classes by the clock.
//   npm run build && OMP_NUM_THREADS=1 node bench/linear-probe.mjs
import { linearProbe, trainHeads } from "../dist/evaluate/protocols/linear-probe.js";
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

/** Noise with a tenth of the features raised by class. */
function drawn(length) {
  const labels = Int32Array.from({ length }, (_, i) => i % classes);
  const values = Float32Array.from({ length: length * features }, (_, place) => {
    const isOwn = (place % features) % classes === labels[Math.floor(place / features)];
    return random() - 0.5 + (isOwn ? 0.1 : 0);
  });
  const indices = Uint32Array.from({ length }, (_, i) => i);
  const names = Array.from({ length: classes }, (_, i) => String(i));
  const facts = { dataset: "noise", badFiles: [], remarks: [], classes: names };
  return { values, length, dimensions: features, indices, labels, ...facts };
}

const [bank, queries] = [drawn(50_000), drawn(10_000)];
const startedAt = performance.now();
const { protocol } = await linearProbe(bank, queries);
console.log(`${protocol} on 50,000 x ${features}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
