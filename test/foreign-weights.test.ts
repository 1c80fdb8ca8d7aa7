// Checkpoints that PyTorch itself saved in the layouts of published programs: the features that PyTorch computes, to 1e-4. Where no Python
// here has torch and torchvision this is passed over; the same layouts, written by hand, are in src/work/import.test.ts.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noGrad, scope, tensor } from "../src/torch/index.ts";
import { importWeights } from "../src/work/import.ts";
import { openRun } from "../src/work/model.ts";

const pythons = ["python3", "/usr/bin/python3"];
const python = pythons.find((each) => spawnSync(each, ["-c", "import torchvision"]).status === 0);
const script = fileURLToPath(new URL("reference/torch/layouts.py", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "foreign-weights-"));
afterAll(() => rmSync(folder, { recursive: true }));

const floatsIn = (name: string): Float32Array => {
  const bytes = readFileSync(join(folder, name));
  return new Float32Array(Uint8Array.from(bytes).buffer);
};

function distance(found: Float32Array, expected: Float32Array): number {
  const norm = (values: Float32Array) => Math.hypot(...values);
  return norm(found.map((value, i) => value - expected[i]!)) / norm(expected);
}

function featuresOf(path: string): Float32Array {
  using model = openRun(path, { device: "cpu", precision: "fp32" });
  const images = floatsIn("images.bin");
  return scope(() =>
    noGrad(() => model.representation.forward(tensor(images, [2, 3, 224, 224])).data() as Float32Array),
  );
}

const names = [
  ...[
    "barlow-twins.pth",
    "barlow-twins-full.pth",
    "vicreg-full.pth",
    "vissl.torch",
    "moco-v1.pth.tar",
    "moco-v2.pth.tar",
  ],
  ...[
    "moco-v3.pth.tar",
    "simsiam.pth.tar",
    "swav.pth.tar",
    "byol.pth",
    "solo-learn.ckpt",
    "lightly.ckpt",
    "torchvision.pth",
  ],
].map((name) => `residual-${name}`);
const transformers = ["dino.pth", "dino-full.pth", "timm.pth", "torchvision.pth"].map((name) => `transformer-${name}`);

describe.skipIf(!python)("PyTorch's own files", () => {
  beforeAll(() => void execFileSync(python!, [script, folder], { stdio: "pipe" }));

  test("are all tried", () => {
    const made = readdirSync(folder).filter((name) => !name.endsWith(".bin"));
    expect(made.sort()).toEqual([...names, ...transformers].sort());
  });

  test.each([...names, ...transformers])("%s", async (name) => {
    const out = join(folder, "out.safetensors");
    const isTimm = name === "transformer-timm.pth";
    const { backbone } = await importWeights(join(folder, name), {
      out,
      ...(isTimm && { normalization: "half" as const }),
    });
    expect(backbone).toBe(name.startsWith("residual") ? "resnet50" : "vit-small");
    const difference = distance(featuresOf(out), floatsIn(`${name.split("-")[0]}.bin`));
    expect(difference).toBeLessThan(1e-4);
  });
});
