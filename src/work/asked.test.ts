// Programs without types may give anything: each is answered in a sentence, before any work.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { smallRun } from "../../test/small-run.ts";
import { scratchFolder, tinyData, tinySettings } from "../../test/tiny-run.ts";
import { openDataset } from "../data/index.ts";
import { makeFolder } from "../files.ts";
import { readRun } from "../train/index.ts";
import { PictureIndex } from "./embeddings/picture-index.ts";
import { exportBackbone } from "./export/export.ts";
import { openRun } from "./model.ts";
import { pretrain, resume } from "./pretrain.ts";

const scratch = scratchFolder();
const parent = scratch.next();
let run: string;
beforeAll(() => {
  makeFolder(parent);
  run = smallRun(parent).folder;
});
afterAll(scratch.remove);

const anything = (value: unknown) => value as never;

test.each<[string, () => unknown, RegExp]>([
  [
    "no data",
    () => pretrain(anything(undefined)),
    /^pretrain: data undefined: a folder, a known name or an open dataset/,
  ],
  ["an object that is no dataset", () => pretrain(anything({ length: 3 })), /^pretrain: data \{\.\.\.\}: a folder/],
  [
    "settings that are null",
    () => pretrain("shapes", anything(null)),
    /^pretrain: settings null: an object of settings/,
  ],
  ["an empty out", () => pretrain("shapes", {}, { out: "" }), /^pretrain: out "": a path is needed/],
  ["a method that is none", () => pretrain("shapes", { method: anything({}) }), /^method: .*make it with defineMethod/],
  ["no run", () => resume(anything(undefined)), /^resume: run undefined: a path is needed/],
  [
    "no source",
    () => openRun(anything(undefined)),
    /source undefined: a run's folder, a weights\.safetensors, pixels or/,
  ],
  ["a size below all networks", () => openRun(run, { size: 0 }), /size 0: a whole number from 8 to 1024 is needed/],
  ["a size between pixels", () => openRun(run, { size: 33.5 }), /size 33\.5: a whole number/],
  ["an unknown device", () => openRun(run, { device: "gpu" }), /device "gpu": auto, cpu, cuda or cuda:N is needed/],
  ["an unknown precision", () => openRun(run, { precision: anything("fp16") }), /precision "fp16": .*bf16.* is needed/],
  ["no name of a dataset", () => openDataset(anything(undefined)), /^openDataset: undefined was given; a folder or/],
  [
    "an unknown split",
    () => openDataset("shapes", { split: anything("vall") }),
    /split vall; train.*Did you mean val\?/,
  ],
])("%s: refused", async (_name, call, message) => {
  const called = (async () => call())();
  await expect(called).rejects.toMatchObject({ name: "SelfsightError", kind: "configuration", message });
});

test("an index is asked for whole numbers of neighbours of a vector that has a direction", () => {
  const notes = { names: ["a", "b"], size: 8, precision: "fp32", data: "", split: "all", fingerprint: "" } as const;
  const parts = { features: Float32Array.of(1, 0, 0, 1), dimensions: 2 };
  const index = new PictureIndex({
    ...parts,
    notes: {
      ...notes,
      names: [...notes.names],
      ...{ representation: "", source: "", trunk: "", from: null, shard: null, classes: null, badFiles: [] },
    },
  });
  expect(index.nearest([0, 2], 1)).toEqual([{ name: "b", row: 1, similarity: 1 }]);
  for (const count of [-1, 0, 2.5, Number.NaN])
    expect(() => index.nearest([0, 2], count)).toThrow(/count .*; a whole number from 1 is needed/);
  expect(() => index.nearest([0, Number.NaN])).toThrow(/not finite/);
});

test("a run begins with another's trunk, as by --from", async () => {
  const folder = join(scratch.next());
  await exportBackbone(run, { out: folder });
  const recipe = { ...tinySettings(), epochs: null };
  const from = join(folder, "backbone.safetensors");
  const out = scratch.next();
  await expect(pretrain(tinyData(), { width: 8 }, { out, from, recipe })).rejects.toMatchObject({
    message: /width 4 there, 8 here/,
  });
  expect(await pretrain(tinyData(), { steps: 1 }, { out, from, recipe })).toMatchObject({ step: 1 });
  expect(readRun(out).from).toMatchObject({ source: from });
});
