#!/usr/bin/env node
// Eight steps in float32 on the processor and on another device, from the same first weights: same-losses.mjs DEVICE. Ends with 1 where a loss
// differs by more than a thousandth.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../bin/selfsight.mjs", import.meta.url));
const settings =
  "shapes --steps 8 --batch 32 --size 32 --precision fp32 --set limit=256 --set width=16 --set projector=64-64 --set knnEveryEpochs=0";
const folder = mkdtempSync(join(tmpdir(), "selfsight-losses-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function lossesOn(device) {
  const out = join(folder, `on-${device}-${Math.random()}`);
  const words = [command, "pretrain", ...settings.split(" "), "--device", device, "--out", out];
  const env = { ...process.env, NVIDIA_TF32_OVERRIDE: "0" }; // whole float32 in convolutions too
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", env });
  if (status !== 0) throw new Error(`${device}: ended with ${status}: ${stderr}`);
  const events = readFileSync(join(out, "log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return events.filter(({ event }) => event === "step").map(({ loss }) => loss);
}

const [ofProcessor, ofDevice] = ["cpu", process.argv[2] ?? "cuda"].map(lossesOn);
const largest = Math.max(...ofProcessor.map((loss, step) => Math.abs(ofDevice[step] / loss - 1)));
console.log(JSON.stringify({ steps: ofDevice.length, largest: Number(largest.toPrecision(2)) }));
process.exitCode = ofDevice.length === 8 && largest < 1e-3 ? 0 : 1;
