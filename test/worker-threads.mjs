// Threads started, ended and stopped in the middle of their work, without a test runner: for test/sanitizers.mjs.
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

const addonPath = process.argv[2];
const native = createRequire(import.meta.url)(addonPath);
const foreign = native.fromTypedArray(new Float32Array(3), [3], "float32");
const start = (steps) =>
  new Worker(new URL("./worker-job.mjs", import.meta.url), { workerData: { addonPath, steps, seed: 1, foreign } });
const ended = (worker) =>
  new Promise((resolve, reject) => {
    worker.on("exit", resolve);
    worker.on("error", reject);
  });

for (let i = 0; i < 8; i++) await ended(start(3));
await Promise.all([1, 2, 3, 4].map(() => ended(start(20))));
for (let i = 0; i < 8; i++) {
  const worker = start(1e7);
  await new Promise((resolve) => worker.once("message", resolve));
  await worker.terminate();
}
console.log(native.tensorCounts().live);
