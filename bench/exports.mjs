// A run handed to each program that can be had, and how far its features are from the engine's.
//   node bench/exports.mjs RUN [--python PYTHON]      needs a width of 64; PYTHON one with torch, safetensors, and torchvision or timm
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { manualSeed, randn } from "../dist/extend/torch.js";
import { exportBackbone, openRun } from "../dist/index.js";

const { positionals, values } = parseArgs({ allowPositionals: true, options: { python: { type: "string" } } });
const folder = mkdtempSync(join(tmpdir(), "exports-"));
const model = openRun(positionals[0], { device: "cpu", precision: "fp32" });
manualSeed(1);
const pictures = randn([3, 3, model.size, model.size]);
const expected = model.representation.forward(pictures).data();

/** ‖difference‖ / ‖features‖ */
function say(name, found) {
  const difference = Math.hypot(...found.map((value, place) => value - expected[place]));
  console.log(`${name}: ${(difference / Math.hypot(...expected)).toExponential(1)}`);
}

async function inRuntime(name) {
  const runtime = await import(name).catch(() => undefined);
  if (!runtime) return console.log(`${name}: not installed`);
  runtime.env.wasm.numThreads = 1;
  await exportBackbone(positionals[0], { out: folder, format: "onnx" });
  const session = await runtime.InferenceSession.create(join(folder, "model.onnx"));
  const fed = new runtime.Tensor("float32", pictures.data(), pictures.shape);
  say(name, (await session.run({ pixel_values: fed })).features.data);
}

async function inPython(format) {
  try {
    await exportBackbone(positionals[0], { out: folder, format });
    writeFileSync(join(folder, "pictures.f32"), pictures.data());
    const script = new URL("peers/features_loaded.py", import.meta.url).pathname;
    const said = execFileSync(values.python, [script, folder, model.size], { encoding: "utf8", stdio: "pipe" });
    say(format, JSON.parse(said));
  } catch (cause) {
    console.log(
      `${format}: ${String(cause.stderr ?? cause.message)
        .trim()
        .split("\n")
        .at(-1)}`,
    );
  }
}

for (const name of ["onnxruntime-node", "onnxruntime-web"]) await inRuntime(name);
if (values.python) for (const format of ["torchvision", "timm"]) await inPython(format);
model.free();
rmSync(folder, { recursive: true });
