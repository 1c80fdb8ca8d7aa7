// COCO's evaluation beside pycocotools, on the same files in fresh processes in turn; the twelve numbers are compared too.
//
//   node bench/coco-evaluation.mjs TRUTH.json RESULTS.json [--masks] [--rounds 3] [--python python3]     after `npm run build`
//   node bench/coco-evaluation.mjs --draw 5000 --masks                   draws a set of 5,000 pictures like COCO's into the temporary folder
//   node bench/coco-evaluation.mjs --draw 20000 --only-read              what reading its annotations takes in time and memory
//
// pycocotools is looked for on PYTHONPATH. A ratio is theirs / ours of one turn: above 1, ours needs less.
import { spawnSync } from "node:child_process";
import { mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    masks: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    python: { type: "string", default: "python3" },
    draw: { type: "string" },
    "only-read": { type: "boolean", default: false },
    ours: { type: "boolean", default: false },
  },
});
const kind = given.masks ? "segm" : "bbox";

if (given.ours) console.log(JSON.stringify(await ours(...positionals)));
else {
  const files = given.draw ? await draw(Number(given.draw)) : positionals;
  const self = fileURLToPath(import.meta.url);
  if (given["only-read"] && given.draw)
    console.log(JSON.stringify(child(process.execPath, [self, files[0], "--only-read"])));
  else if (given["only-read"]) await onlyRead(files[0]);
  else compare(files);
}

async function ours(truth, results) {
  const { openDetectionSet, readCocoResults } = await import("../dist/data/annotations/index.js");
  const { cocoScores } = await import("../dist/evaluate/detection/index.js");
  const startedAt = performance.now();
  const set = await openDetectionSet(truth, { split: "all", withPictures: false });
  const { detections } = readCocoResults(results, set);
  const readAt = performance.now();
  const { categories: _, ...numbers } = cocoScores(set, detections, { of: given.masks ? "masks" : "boxes" });
  const seconds = [readAt - startedAt, performance.now() - readAt].map((milliseconds) => milliseconds / 1000);
  return { read: seconds[0], evaluate: seconds[1], stats: Object.values(numbers).map((value) => value ?? -1) };
}

function compare(files) {
  const sides = {
    ours: () =>
      child(process.execPath, [
        fileURLToPath(import.meta.url),
        "--ours",
        ...files,
        ...(given.masks ? ["--masks"] : []),
      ]),
    peer: () =>
      child(given.python, [fileURLToPath(new URL("peers/coco_evaluation.py", import.meta.url)), ...files, kind]),
  };
  const turns = Array.from({ length: Number(given.rounds) }, () => ({ ours: sides.ours(), peer: sides.peer() }));
  for (const part of ["read", "evaluate", "whole"]) {
    const own = ({ read, evaluate }) => ({ read, evaluate, whole: read + evaluate })[part];
    const ratios = turns.map(({ ours, peer }) => own(peer) / own(ours)).sort((a, b) => a - b);
    const summary = { min: ratios[0], median: ratios[Math.floor(ratios.length / 2)], max: ratios.at(-1) };
    const seconds = (side) => Math.min(...turns.map((turn) => own(turn[side])));
    console.log(
      JSON.stringify({ part, kind, ratio: summary, oursSeconds: seconds("ours"), peerSeconds: seconds("peer") }),
    );
  }
  const apart = turns[0].ours.stats.map((value, place) => Math.abs(value - turns[0].peer.stats[place]));
  console.log(JSON.stringify({ largestDifference: Math.max(...apart), AP: turns[0].ours.stats[0] }));
}

function child(command, options) {
  const { stdout, stderr, status } = spawnSync(command, options, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

async function onlyRead(truth) {
  const { openDetectionSet } = await import("../dist/data/annotations/index.js");
  const startedAt = performance.now();
  const set = await openDetectionSet(truth, { split: "all", withPictures: false });
  const facts = { images: set.images.length, objects: set.objects.classes.length, fileMB: statSync(truth).size / 1e6 };
  const peakMB = process.resourceUsage().maxRSS / 1e3;
  console.log(JSON.stringify({ ...facts, seconds: (performance.now() - startedAt) / 1000, peakMB }));
}

/** Annotations and results like COCO's: 7 objects a picture of up to 24 corners, 20 detections. */
async function draw(count) {
  const { keyedStream } = await import("../dist/random.js");
  const { polygonMask } = await import("../dist/data/masks/polygons.js");
  const { compressedCounts } = await import("../dist/data/masks/compressed.js");
  const folder = join(tmpdir(), `selfsight-coco-${count}`);
  mkdirSync(folder, { recursive: true });
  const [width, height] = [640, 480];
  const next = keyedStream(1);
  const between = (low, high) => low + (high - low) * next();
  const rounded = (value) => Math.round(value * 100) / 100;

  /** A blob around a place. */
  const blob = ([x, y, radius]) =>
    Array.from({ length: 12 + Math.floor(between(0, 13)) }, (_, turn, all = 24) => {
      const reach = radius * between(0.7, 1);
      const angle = (2 * Math.PI * turn) / all;
      return [x + reach * Math.cos(angle), y + reach * Math.sin(angle)];
    }).flatMap(([px, py]) => [rounded(Math.max(0, Math.min(width, px))), rounded(Math.max(0, Math.min(height, py)))]);
  const boxOf = (corners) => {
    const [xs, ys] = [0, 1].map((axis) => corners.filter((_, place) => place % 2 === axis));
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    return [left, top, rounded(Math.max(...xs) - left), rounded(Math.max(...ys) - top)];
  };

  const [truth, results] = ["truth.json", "results.json"].map((name) => join(folder, name));
  const files = [openSync(truth, "w"), openSync(results, "w")];
  const images = Array.from({ length: count }, (_, place) => ({
    id: place + 1,
    file_name: `${place}.jpg`,
    width,
    height,
  }));
  const categories = Array.from({ length: 80 }, (_, place) => ({ id: place + 1, name: `class ${place + 1}` }));
  writeSync(files[0], `{"images":${JSON.stringify(images)},"categories":${JSON.stringify(categories)},"annotations":[`);
  writeSync(files[1], "[");
  let [id, isFirst] = [1, true];
  for (const image of images) {
    const objects = Array.from({ length: Math.floor(between(0, 15)) }, () => {
      const place = [between(0, width), between(0, height), 4 + 150 * between(0, 1) ** 2];
      return { place, category: 1 + Math.floor(between(0, 80) ** 2 / 80) };
    });
    for (const { place, category } of objects) {
      const corners = blob(place);
      const [, , w, h] = boxOf(corners);
      if (w === 0 || h === 0) continue; // pycocotools counts an empty box as never found, we leave it out
      const annotation = {
        id,
        image_id: image.id,
        category_id: category,
        segmentation: [corners],
        bbox: boxOf(corners),
      };
      const area = rounded(annotation.bbox[2] * annotation.bbox[3] * 0.7);
      writeSync(files[0], `${id++ === 1 ? "" : ","}${JSON.stringify({ ...annotation, area, iscrowd: 0 })}`);
    }
    if (given["only-read"]) continue;
    for (let found = 0; found < 20; found++) {
      const object = objects[Math.floor(between(0, 2 * objects.length))];
      const place = object
        ? object.place.map((value) => value + between(-0.15, 0.15) * object.place[2])
        : [between(0, width), between(0, height), between(5, 100)];
      const corners = blob(place);
      const category_id = object && next() < 0.8 ? object.category : 1 + Math.floor(between(0, 80));
      const { counts } = polygonMask([Float64Array.from(corners)], height, width);
      const shape = given.masks
        ? { segmentation: { size: [height, width], counts: compressedCounts(counts) } }
        : { bbox: boxOf(corners) };
      const score = Math.round(1e4 * next() ** (object ? 0.5 : 2)) / 1e4;
      writeSync(
        files[1],
        `${isFirst ? "" : ","}${JSON.stringify({ image_id: image.id, category_id, ...shape, score })}`,
      );
      isFirst = false;
    }
  }
  writeSync(files[0], "]}");
  writeSync(files[1], "]");
  return [truth, results];
}
