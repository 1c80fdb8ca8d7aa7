#!/usr/bin/env node
// Sets the reading of a PyTorch checkpoint beside `torch.load` of the same file: the first reading of fresh processes in turn, the file in the
// page cache. Ours checks every checksum. The whole of `import` (digest, comparison with the network, written file) is said beside it. A
// ratio is ours / torch.load.
//   node bench/import.mjs resnet50.pth --python python3
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
    turns: { type: "string", default: "9" },
    ours: { type: "boolean" },
  },
});
const [file] = positionals;
if (file === undefined) {
  console.error("node bench/import.mjs FILE [--python python3] [--turns 9]");
  process.exit(2);
}

const timed = async (body) => {
  const start = performance.now();
  await body();
  return (performance.now() - start) / 1000;
};

async function ours() {
  const { openWeightsFile } = await import("../dist/weights/formats/weights-file.js");
  const { importWeights } = await import("../dist/index.js");
  const read = async () => {
    const opened = await openWeightsFile(file);
    await opened.read(opened.tensors.keys());
    opened.close();
  };
  const folder = mkdtempSync(join(tmpdir(), "bench-import-"));
  try {
    const seconds = await timed(read);
    return { seconds, all: await timed(() => importWeights(file, { out: join(folder, "out.safetensors") })) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function turn() {
  const run = (command, args) => JSON.parse(spawnSync(command, args, { encoding: "utf8" }).stdout);
  const own = run(process.execPath, [fileURLToPath(import.meta.url), file, "--ours"]);
  const peer = run(values.python, [fileURLToPath(new URL("peers/load_pytorch.py", import.meta.url)), file]);
  return { ours: own.seconds, all: own.all, peer: peer.seconds, torch: peer.torch, ratio: own.seconds / peer.seconds };
}

if (values.ours) console.log(JSON.stringify(await ours()));
else {
  const turns = Array.from({ length: Number(values.turns) }, turn);
  for (const { ours: own, all, peer, ratio, torch } of turns)
    console.log(
      `ours ${own.toFixed(3)} s, torch.load ${peer.toFixed(3)} s (${torch}), ratio ${ratio.toFixed(2)}; whole import ${all.toFixed(3)} s`,
    );
  const sorted = turns.map(({ ratio }) => ratio).sort((a, b) => a - b);
  console.log(
    `ratio ${sorted.map((each) => each.toFixed(2)).join(" ")}, median ${sorted[sorted.length >> 1].toFixed(2)}`,
  );
}
