// What a thread of workers.test.ts does: gradient steps on a matrix, by the addon alone. It says its loss and a handle.
import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";

const { addonPath, steps, seed, foreign } = workerData;
const native = createRequire(import.meta.url)(addonPath);
const operator = (name, overload, ...names) => native.findOperator(`aten::${name}`, overload, names);
const mm = operator("mm", "", "self", "mat2");
const mean = operator("mean", "", "self");
const square = operator("square", "", "self");
const randn = operator("randn", "", "size");
const detach = operator("detach", "", "self");
const subtract = operator("sub_", "Tensor", "self", "other", "alpha");

native.threads(1);
native.manualSeed(seed);
const weight = native.call(randn, [64, 64]);
const input = native.call(randn, [128, 64]);
native.requiresGrad(weight, true);
let loss = 0;
for (let step = 0; step < steps; step++) {
  const product = native.call(mm, input, weight);
  const squares = native.call(square, product);
  const value = native.call(mean, squares);
  native.backward(Float64Array.of(value), undefined, false);
  const [gradient, plain] = [native.gradientOf(weight), native.call(detach, weight)];
  native.call(subtract, plain, gradient, 0.1);
  native.setGradient(weight, null);
  loss = native.item(value);
  native.free(Float64Array.of(product, squares, value, gradient, plain));
  if (step === 0) parentPort.postMessage("started");
}
// A buffer that stays borrowed and one that stays lent, when the thread ends.
native.borrowTypedArray(new Float32Array(1000), [1000], "float32");
globalThis.lent = native.lendTypedArray(input);
const { live } = native.tensorCounts();
parentPort.postMessage({ loss, live, handle: weight, knowsForeign: native.isAlive(foreign) });
