#!/usr/bin/env node
// A fine-tuning step beside the same step in PyTorch: trunk in training mode and a linear layer, cross-entropy, SGD with a rate for
// each, on fixed random views; fresh processes in turn. A ratio is peer / ours of one turn: above 1, ours needs less.
//   npm run build && node bench/finetune.mjs --batch 64 --size 32 --turns 3 --python python3
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    batch: { type: "string", default: "64" },
    size: { type: "string", default: "32" },
    width: { type: "string", default: "64" },
    steps: { type: "string", default: "5" },
    turns: { type: "string", default: "3" },
    threads: { type: "string", default: "1" },
    python: { type: "string", default: "python3" },
    ours: { type: "boolean", default: false },
  },
});
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

if (values.ours) await ours();
else alternate();

/** Seconds of each step, after two that warm up. */
async function ours() {
  const { makeBackbone, namedParameters, sgd, usualStem } = await import("../dist/nn/index.js");
  const { linearHead } = await import("../dist/evaluate/classifier/head.js");
  const { supervisedLoss } = await import("../dist/methods/index.js");
  const { manualSeed, randn, scope, tensor } = await import("../dist/torch/index.js");
  const [batch, size, width] = [values.batch, values.size, values.width].map(Number);
  manualSeed(0);
  const trunk = makeBackbone({
    backbone: "resnet18",
    stem: usualStem("resnet18", size),
    width,
    size,
    zeroInitResidual: false,
  });
  const head = linearHead({ features: trunk.outputSize, classes: 10, seed: 0, device: "cpu" });
  const group = (name, network, learningRate) => ({
    name,
    parameters: namedParameters(network),
    learningRate,
    weightDecay: 0,
  });
  const optimizer = sgd([group("backbone", trunk, 0.002), group("head", head, 0.5)], { momentum: 0.9 });
  const seconds = [];
  scope(() => {
    const images = randn([batch, 3, size, size]).contiguous("channels_last");
    const classes = tensor(
      Int32Array.from({ length: batch }, (_, i) => i % 10),
      [batch],
    ).to("int64");
    for (let step = 0; step < Number(values.steps) + 2; step++) {
      const startedAt = performance.now();
      scope(() => {
        const { loss } = supervisedLoss(head.forward(trunk.forward(images).to("float32")), classes);
        loss.backward();
        optimizer.step(1, loss);
        optimizer.clearGradients();
      });
      seconds.push((performance.now() - startedAt) / 1000);
    }
  });
  console.log(JSON.stringify({ medianSeconds: median(seconds.slice(2)), minSeconds: Math.min(...seconds.slice(2)) }));
}

function alternate() {
  const shared = ["batch", "size", "width", "steps", "threads"].flatMap((name) => [`--${name}`, values[name]]);
  const env = { ...process.env, OMP_NUM_THREADS: values.threads, MKL_NUM_THREADS: values.threads };
  const run = (command, args) => {
    const { stdout, stderr, status } = spawnSync(command, args, { encoding: "utf8", env });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout.trim().split("\n").at(-1));
  };
  const ratios = Array.from({ length: Number(values.turns) }, () => {
    const own = run(process.execPath, [here("finetune.mjs"), "--ours", ...shared]);
    const peer = run(values.python, [here("peers/finetune_pytorch.py"), ...shared]);
    console.log(
      `ours ${own.minSeconds.toFixed(3)} s, PyTorch ${peer.torch} ${peer.minSeconds.toFixed(3)} s (least of a turn)`,
    );
    return peer.minSeconds / own.minSeconds;
  });
  console.log(
    `ratio: median ${median(ratios).toFixed(2)}, ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
  );
}
