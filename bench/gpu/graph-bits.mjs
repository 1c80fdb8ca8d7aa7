#!/usr/bin/env node
// Steps that are played back from a CUDA graph beside the same steps run, each method twelve of them: every learned number and every loss to the
// bit. graph-bits.mjs [DEVICE [PART]]; PART: the library that captures, in place of the addon's (to try this on the processor).
// N = 64 images of 32 x 32, D = 512 features

import { methodNames } from "../../dist/methods/index.js";
import { stateOf } from "../../dist/nn/index.js";
import { freeAll, manualSeed, op, randn, scope, synchronize, zeros } from "../../dist/torch/index.js";
import { StepGraphs } from "../../dist/train/graph/step-graphs.js";
import { buildState, freeState, resolveSettings, trainStepOnViews } from "../../dist/train/index.js";
import { optimizerState } from "../../dist/train/state.js";

const [device = "cuda", part] = process.argv.slice(2);
const options = { "moco-v2": { queueLength: 256, batchNormGroups: 4 }, byol: { momentum: 0.9, finalMomentum: 1 } };

/** Losses and weights of a method's steps; looked at (and so run) or played back. */
function stepsOf(method, watchEverySteps) {
  const settings = resolveSettings({
    ...{ method, ...options[method], ...(method !== "supervised" && { projector: "512-512" }), width: part ? 4 : 64 },
    ...{ size: 32, batchSize: 64, steps: 12, warmupEpochs: 0, cudaGraph: !part, device, watchEverySteps },
    optimizer: { name: "sgd", learningRate: 0.1 },
  });
  const state = buildState(settings, { length: 640, classes: ["0", "1"] });
  if (part) state.graphs = new StepGraphs(device, part);
  manualSeed(1);
  const views = settings.views.map(({ size }) =>
    scope(() => randn([64, 3, size, size], { device: state.device }).contiguous("channels_last")),
  );
  const labels = zeros([64], { dtype: "int64", device: state.device });
  const losses = Array.from({ length: 12 }, () => trainStepOnViews(state, views, labels).loss);
  synchronize();
  const bytes = [...stateOf(state.network), ...optimizerState(state)].map(([name, tensor]) => [
    name,
    scope(() => Buffer.from(op.clone(tensor).data().buffer).toString("base64")),
  ]);
  freeState(state);
  freeAll([...views, labels]);
  return JSON.stringify([losses, bytes]);
}

const differing = methodNames.filter((method) => stepsOf(method, 0) !== stepsOf(method, 1));
console.log(JSON.stringify({ methods: methodNames.length, differing }));
process.exitCode = differing.length > 0 ? 1 : 0;
