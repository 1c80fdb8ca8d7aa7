#!/usr/bin/env node
// Pictures that are resident on a device beside pictures that go up with their views: resident.mjs views|carried|pace DEVICE [--dry].
// views: whether both give the same bits, and the time of each. carried: the same of pictures that are carried a batch ahead. pace: images per
// second of a whole run over those of its bare step. Ends with 1 where bits differ.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { feedTo, makeResident, makeViews, plainFeed, residentFeed } from "../../dist/augment/index.js";
import { batches, imageArray, namedBatches } from "../../dist/data/index.js";
import { keyedStream } from "../../dist/random.js";
import { scope, synchronize } from "../../dist/torch/index.js";
import { defaultSettings } from "../../dist/train/index.js";

const [what, device = "cuda", dry] = process.argv.slice(2);
const isDry = dry === "--dry";
const command = fileURLToPath(new URL("../../bin/selfsight.mjs", import.meta.url));

function noise(length, side) {
  const next = keyedStream(0);
  const pixels = Uint8Array.from({ length: length * 3 * side * side }, () => 256 * next());
  return imageArray({ name: "noise", pixels, channels: 3, height: side, width: side });
}

/** Of each batch of a feed its views' bytes, where they are wanted, and the milliseconds until the device has them. */
async function viewsOf(feed, recipes, wantsBytes) {
  const found = [];
  let startedAt = performance.now();
  for await (const batch of feed.batches) {
    const bytes = scope(() => {
      const views = makeViews(batch, recipes, { seed: 0, device });
      return wantsBytes ? views.map((view) => Buffer.from(view.float32().buffer).toString("base64")).join() : "";
    });
    await feed.lookAhead();
    synchronize();
    found.push({ bytes, milliseconds: performance.now() - startedAt });
    startedAt = performance.now();
  }
  return found;
}

const medianOf = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const timeOf = (found) => Number(medianOf(found.slice(2).map(({ milliseconds }) => milliseconds)).toPrecision(3));
const onHost = (dataset, options) => plainFeed(batches(dataset, options));

async function compare(size, batchSize, other) {
  const dataset = noise(4 * batchSize, size);
  const recipes = defaultSettings({ size }).views;
  const read = (steps) => ({ batchSize, seed: 1, steps });
  const bytesOf = async (feed) => (await viewsOf(feed, recipes, true)).map(({ bytes }) => bytes).join();
  const isEqual = (await bytesOf(onHost(dataset, read(3)))) === (await bytesOf(other(dataset, read(3))));
  const steps = isDry ? 4 : 40;
  const hostMilliseconds = timeOf(await viewsOf(onHost(dataset, read(steps)), recipes, false));
  const milliseconds = timeOf(await viewsOf(other(dataset, read(steps)), recipes, false));
  return { size, batch: batchSize, isEqual, hostMilliseconds, milliseconds };
}

async function views() {
  const residents = [];
  const resident = (dataset, options) => {
    residents.push(makeResident(dataset, device));
    return residentFeed(namedBatches(dataset, options), residents.at(-1));
  };
  const found = await compare(32, isDry ? 16 : 256, resident);
  for (const { bytes } of residents) bytes.free();
  return found;
}

const carried = () =>
  compare(isDry ? 32 : 224, isDry ? 16 : 256, (dataset, options) => feedTo(batches(dataset, options), device));

// ---- a whole run over its bare step ----

function selfsight(words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...words], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${words.join(" ")}: ended with ${status}: ${stderr}`);
  return stdout;
}

/** Images per second of the later lines of a run's log: nothing is measured, drawn or saved beside the steps. */
function paceOfRun(settings, steps, out) {
  const quiet = ["knnEveryEpochs=0", "observeEverySteps=0", "watchEverySteps=0", `logEverySteps=${steps / 8}`];
  const limit = isDry ? ["limit=64"] : [];
  const set = [...quiet, ...limit].flatMap((assignment) => ["--set", assignment]);
  selfsight(["pretrain", "shapes", "--steps", String(steps), "--device", device, "--out", out, ...settings, ...set]);
  const lines = readFileSync(join(out, "log.jsonl"), "utf8").trim().split("\n");
  const events = lines.map((line) => JSON.parse(line));
  const paces = events.filter(({ event }) => event === "step").map(({ imagesPerSecond }) => imagesPerSecond);
  return {
    imagesPerSecond: medianOf(paces.slice(2)),
    residentBytes: events.find(({ event }) => event === "start").residentBytes ?? 0,
  };
}

function pace() {
  const folder = mkdtempSync(join(tmpdir(), "selfsight-pace-"));
  const usual = "--backbone resnet18 --size 32 --batch 256 --precision bf16";
  const settings = (isDry ? "--backbone resnet18 --size 16 --batch 16 --precision fp32" : usual).split(" ");
  const projector = isDry ? "16-16" : "2048-2048-2048";
  const width = isDry ? ["--width", "4"] : [];
  try {
    const own = ["--set", `projector=${projector}`, ...(isDry ? ["--set", "width=4"] : [])];
    const run = paceOfRun([...settings, ...own], isDry ? 16 : 320, join(folder, "run"));
    const bench = ["bench", "step", ...settings, ...width, "--projector", projector, "--device", device];
    const step = JSON.parse(selfsight([...bench, "--steps", isDry ? "3" : "40", "--json"]));
    const share = Number((run.imagesPerSecond / step.imagesPerSecond).toPrecision(3));
    return { ...run, stepImagesPerSecond: step.imagesPerSecond, share };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ways = { views, carried, pace };
const found = await ways[what]();
console.log(JSON.stringify(found));
process.exitCode = found.isEqual === false ? 1 : 0;
