import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { smallRun } from "../../test/small-run.ts";
import { embed } from "../cli/commands/embed/run.ts";
import { openDataset } from "../data/index.ts";
import { extractFeatures } from "../evaluate/index.ts";
import { liveTensors } from "../torch/index.ts";
import { logPath, type Settings } from "../train/index.ts";
import { encodeSafetensors, fromStored, readSafetensors } from "../weights/index.ts";
import type { Card } from "./export/card.ts";
import { exportBackbone } from "./export/export.ts";
import { openRepresentation } from "./representation.ts";

const shapes = await openDataset("shapes", { split: "test", limit: 40 });
let parent: string;
let run: string;
let settings: Settings;
let exported: string;

beforeAll(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
  parent = mkdtempSync(join(tmpdir(), "representation-"));
  ({ folder: run, settings } = smallRun(parent));
  const events = [
    { event: "evaluation", step: 3, epoch: 0, protocol: "online knn-v1", value: 0.25 },
    { event: "evaluation", step: 5, epoch: 0, protocol: "online knn-v1", value: 0.5 },
  ];
  writeFileSync(logPath(run), events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  exported = join(parent, "exported");
  await exportBackbone(run, { format: "safetensors", out: exported });
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(parent, { recursive: true });
});

async function featuresOf(source: string, precision: "fp32" | "bf16" = "fp32"): Promise<Float32Array> {
  const representation = openRepresentation(source, shapes, { device: "cpu", precision });
  try {
    return (await extractFeatures(representation, shapes)).values;
  } finally {
    representation.free();
  }
}

test("a run, its exported weights and its first weights again give the same features, to the bit", async () => {
  const features = await featuresOf(run);
  expect(features.length).toBe(40 * 32);
  expect(new Set(features).size).toBeGreaterThan(1000);
  expect(await featuresOf(join(exported, "backbone.safetensors"))).toEqual(features);
  expect(await featuresOf(`untrained:${run}`)).toEqual(features); // the run was saved before its first step
  expect(await featuresOf("untrained")).not.toEqual(features);
});

test("pixels: at the data's size, or at a run's", () => {
  expect(openRepresentation("pixels", shapes).size).toBe(32);
  expect(openRepresentation(`pixels:${run}`, { ...shapes, height: 64, width: 64 } as typeof shapes).size).toBe(32);
});

test("opening and freeing leaves no tensor behind", () => {
  openRepresentation(run, shapes, { device: "cpu" }).free();
  const before = liveTensors().live;
  for (const source of [run, join(exported, "backbone.safetensors"), "untrained", "pixels"])
    openRepresentation(source, shapes, { device: "cpu" }).free();
  expect(liveTensors().live).toBe(before);
});

test("the newest checkpoint damaged and none before it: refused as a checkpoint", () => {
  const damaged = join(parent, "damaged");
  mkdirSync(damaged);
  const { folder } = smallRun(damaged);
  const [name] = execFileSync("ls", [join(folder, "checkpoints")])
    .toString()
    .trim()
    .split("\n");
  const model = join(folder, "checkpoints", name!, "model.safetensors");
  truncateSync(model, 1000);
  expect(() => openRepresentation(folder, shapes)).toThrow(expect.objectContaining({ kind: "checkpoint" }));
});

test("a network that is not there is told before the pictures are looked at", async () => {
  const [rum, nowhere] = [join(parent, "rum"), join(parent, "nowhere")];
  await expect(embed(rum, nowhere, { out: join(parent, "x.npy") })).rejects.toThrow(/rum is not there/);
  await expect(embed("untrained", nowhere, { out: join(parent, "x.npy") })).rejects.toThrow(/nowhere/);
});

/** The exported file with other metadata or tensors, under a new name. */
function changed(name: string, change: (file: ReturnType<typeof readSafetensors>) => void): string {
  const file = readSafetensors(join(exported, "backbone.safetensors"));
  change(file);
  const path = join(parent, name);
  writeFileSync(path, Buffer.concat(encodeSafetensors(file)));
  return path;
}

test.each<[string, () => string, RegExp]>([
  ["what is not there", () => join(parent, "rum"), /rum is not there; a run's folder, .* Did you mean run\?/],
  ["a misspelt baseline", () => "pixel", /pixel is not there.* Did you mean pixels\?/],
  ["a folder without a run", () => parent, /has no run\.json; it holds the runs run/],
  ["a folder without anything", () => exported, /exported has no run\.json; a run's folder/],
  [
    "a pickle",
    () => {
      writeFileSync(join(parent, "model.pth"), "PK\u0003\u0004 a zip with a pickle in it");
      return join(parent, "model.pth");
    },
    /read .*model\.pth: its header/,
  ],
  [
    "weights that do not describe themselves",
    () =>
      changed("bare.safetensors", ({ metadata }) => {
        delete metadata.stem;
        metadata.normalization = "{}";
      }),
    /bare\.safetensors: 120 tensors \(.*bn1\..*\), but stem, normalization missing or wrong in its metadata/,
  ],
  [
    "a description of another width",
    () =>
      changed("wide.safetensors", ({ metadata }) => {
        metadata.width = "1024";
      }),
    /metadata says width 1024, its tensors have 4/,
  ],
  [
    "a description of another depth",
    () =>
      changed("deep.safetensors", ({ metadata }) => {
        metadata.backbone = "resnet34";
      }),
    /layer1\.2\.conv1\.weight is missing/,
  ],
])("%s: refused with what was found and needed", (_name, source, message) => {
  const before = liveTensors().live;
  expect(() => openRepresentation(source(), shapes)).toThrow(
    expect.objectContaining({ kind: "checkpoint", message: expect.stringMatching(message) }),
  );
  expect(liveTensors().live).toBe(before);
});

test("a classifier in a weights file is passed over", () => {
  const path = changed("classifier.safetensors", ({ tensors }) => {
    tensors.set("fc.bias", { dtype: "F32", shape: [1], bytes: new Uint8Array(4) });
  });
  openRepresentation(path, shapes).free();
});

test.each(["backbone.", "module.", "module.encoder_q.", "model."])(
  "weights named below %s are read, and it is said",
  (prefix) => {
    const path = changed("named.safetensors", ({ tensors }) => {
      for (const [name, value] of [...tensors]) {
        tensors.delete(name);
        tensors.set(`${prefix}${name}`, value);
      }
      tensors.set("projector.0.weight", { dtype: "F32", shape: [1], bytes: new Uint8Array(4) });
    });
    const opened = openRepresentation(path, shapes);
    expect(opened.name).toBe(`named.safetensors, names below ${prefix}`);
    opened.free();
  },
);

test("norms that did not count their batches are read", () => {
  const path = changed("uncounted.safetensors", ({ tensors }) => {
    for (const name of tensors.keys()) if (name.endsWith("num_batches_tracked")) tensors.delete(name);
  });
  openRepresentation(path, shapes).free();
});

test("export: torchvision's names, a description, and a card with hash and accuracy", () => {
  const { tensors, metadata } = readSafetensors(join(exported, "backbone.safetensors"));
  for (const name of [
    "conv1.weight",
    "bn1.running_mean",
    "layer2.0.downsample.1.bias",
    "layer4.1.bn2.num_batches_tracked",
  ])
    expect([...tensors.keys()]).toContain(name);
  expect(tensors.size).toBe(122 - 2); // torchvision's resnet18 without fc
  expect(metadata).toMatchObject({
    format: "pt",
    backbone: "resnet18",
    stem: "small",
    width: "4",
    size: "32",
    method: "barlow-twins",
  });
  expect(JSON.parse(metadata.normalization!)).toEqual(settings.views[0]!.normalize);
  const card = JSON.parse(readFileSync(join(exported, "card.json"), "utf8")) as Card;
  const sum = execFileSync("sha256sum", [join(exported, card.file)])
    .toString()
    .split(" ")[0];
  expect(card).toMatchObject({
    sha256: sum,
    bytes: readFileSync(join(exported, card.file)).length,
    step: 5,
    method: "barlow-twins",
    evaluation: { protocol: "online knn-v1", value: 0.5, step: 5 },
    normalization: settings.views[0]!.normalize,
  });
});

test("export for torchvision: width 64 alone, with a loader beside it", async () => {
  const out = join(parent, "torchvision");
  await expect(exportBackbone(run, { format: "torchvision", out })).rejects.toThrow(
    expect.objectContaining({ kind: "configuration", message: expect.stringContaining("width 4") }),
  );
  expect(existsSync(out)).toBe(false);
  const wide = join(parent, "wide");
  mkdirSync(wide);
  await exportBackbone(smallRun(wide, { width: 64 }).folder, { format: "torchvision", out });
  const loader = readFileSync(join(out, "load.py"), "utf8");
  expect(loader).toContain("torchvision.models.resnet18()");
  expect(loader).toContain("model.conv1 = torch.nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)");
  expect(readSafetensors(join(out, "backbone.safetensors")).tensors.get("conv1.weight")!.shape).toEqual([64, 3, 3, 3]);
});

test("embed: a row for every picture, its label, and its name beside it", async () => {
  const out = join(parent, "new", "shapes.safetensors");
  await embed("pixels", "shapes", { out, split: "test" });
  const { tensors } = readSafetensors(out);
  const embeddings = fromStored(tensors.get("embeddings")!);
  const labels = fromStored(tensors.get("labels")!);
  const notes = JSON.parse(readFileSync(`${out}.json`, "utf8"));
  expect([embeddings.shape, embeddings.dtype, labels.shape, labels.dtype]).toEqual([
    [2000, 3072],
    "float32",
    [2000],
    "int32",
  ]);
  expect(Array.from((labels.data() as Int32Array).subarray(0, 40))).toEqual(
    Array.from({ length: 40 }, (_, i) => i % 10),
  );
  expect([notes.names.length, notes.names[7], notes.classes[0], notes.split]).toEqual([2000, "7", "disc", "test"]);
  for (const kept of [embeddings, labels]) kept.free();
});

test("embed: an ending that nobody reads is refused before any work", async () => {
  const writing = embed("pixels", "shapes", { out: "embeddings.csv", split: "test" });
  await expect(writing).rejects.toMatchObject({
    kind: "configuration",
    message: /ends in \.safetensors, .*\.jsonl is needed/,
  });
});
