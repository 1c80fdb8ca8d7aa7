#!/usr/bin/env node
// Features of a folder of JPEG files beside torchvision's ImageFolder, PyTorch's DataLoader and the same ResNet-50, on two cores; fresh
// processes in turn, the files in the page cache. Both read the folder, decode, resize to 256, crop 224, and write the rows (.npy); starting
// and loading the weights are not counted. The peer's workers and threads are tried first, and its quickest way is taken.
//   node bench/features.mjs FOLDER --python python3 [--turns 7] [--precision bf16|fp32]     after `npm run build`
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: "string", default: "python3" },
    turns: { type: "string", default: "7" },
    precision: { type: "string", default: "bf16" },
    ours: { type: "string" },
  },
});
const [pictures] = positionals;
if (pictures === undefined) {
  console.error("node bench/features.mjs FOLDER [--python python3] [--turns 7] [--precision bf16]");
  process.exit(2);
}
const ways = [
  { workers: 2, threads: 1 },
  { workers: 2, threads: 2 },
  { workers: 1, threads: 2 },
  { workers: 1, threads: 1 },
];

/** One process of ours, in its folder. */
async function ours(folder) {
  const { embedToIndex, openRun } = await import("../dist/index.js");
  const model = openRun(join(folder, "resnet50.safetensors"), { device: "cpu", precision: values.precision });
  const { Tensor: _, zeros } = await import("../dist/extend/torch.js");
  for (let i = 0; i < 2; i++) model.representation.forward(zeros([32, 3, 224, 224])).free(); // the first call prepares kernels
  const startedAt = performance.now();
  const { length } = await embedToIndex(model, pictures, join(folder, `ours-${process.pid}.npy`), { split: "all" });
  console.log(JSON.stringify({ seconds: (performance.now() - startedAt) / 1000, pictures: length }));
}

const run = (command, args) => {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.trim().split("\n").at(-1));
};
const peerScript = fileURLToPath(new URL("peers/features_pytorch.py", import.meta.url));

function peer(folder, { workers, threads }) {
  const options = ["--workers", workers, "--threads", threads, "--precision", values.precision].map(String);
  return run(values.python, [peerScript, join(folder, "resnet50.pth"), pictures, join(folder, "peer.npy"), ...options]);
}

async function compare(folder) {
  const { importWeights } = await import("../dist/index.js");
  spawnSync(values.python, [peerScript, "--write", join(folder, "resnet50.pth")], { stdio: "inherit" });
  await importWeights(join(folder, "resnet50.pth"), { out: join(folder, "resnet50.safetensors") });
  const tried = ways.map((way) => ({ way, seconds: peer(folder, way).seconds }));
  for (const { way, seconds } of tried)
    console.log(`DataLoader with ${way.workers} workers, ${way.threads} threads: ${seconds.toFixed(2)} s`);
  const { way } = tried.sort((a, b) => a.seconds - b.seconds)[0];
  const ratios = Array.from({ length: Number(values.turns) }, () => {
    const own = run(process.execPath, [
      fileURLToPath(import.meta.url),
      pictures,
      "--ours",
      folder,
      "--precision",
      values.precision,
    ]);
    const other = peer(folder, way);
    const ratio = other.seconds / own.seconds;
    console.log(
      `ours ${own.seconds.toFixed(2)} s of ${own.pictures} pictures, DataLoader ${other.seconds.toFixed(2)} s of ${other.pictures} (torch ${other.torch}), ratio ${ratio.toFixed(2)}`,
    );
    return ratio;
  }).sort((a, b) => a - b);
  console.log(
    `DataLoader / ours: ${ratios.map((each) => each.toFixed(2)).join(" ")}, median ${ratios[ratios.length >> 1].toFixed(2)}`,
  );
}

if (values.ours) await ours(values.ours);
else {
  const folder = mkdtempSync(join(tmpdir(), "bench-features-"));
  try {
    await compare(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
