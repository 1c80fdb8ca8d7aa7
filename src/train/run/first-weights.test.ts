import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bitsOf,
  newTinyRun,
  scratchFolder,
  stopAfter,
  tinyData,
  tinySettings,
  trainTiny,
} from "../../../test/tiny-run.ts";
import { freeNetwork, freeOptimizer, stateOf } from "../../nn/index.ts";
import {
  backboneTensors,
  describeWeights,
  encodeSafetensors,
  type StoredTensors,
  storedMap,
} from "../../weights/index.ts";
import { type PartialSettings, resolveSettings } from "../settings/settings.ts";
import { buildState } from "../state.ts";
import { train } from "../trainer.ts";
import { loadNewestCheckpoint } from "./checkpoint.ts";
import { readRun } from "./folder.ts";
import { goOnWithRun } from "./go-on.ts";
import { startRun } from "./start.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const source = scratch.next();
beforeAll(async () => {
  newTinyRun(source, tinySettings());
  await trainTiny(source, tinySettings());
});

const small: PartialSettings = {
  ...{ size: 16, width: 4, projector: "16-16", batchSize: 8, steps: 12, seed: 5, warmupEpochs: 1 },
  ...{ optimizer: { name: "sgd", learningRate: 0.5 }, knnEveryEpochs: 0, device: "cpu" },
};
const quiet = { command: "test", warn: () => {} };

async function begun(layer: PartialSettings = {}, from: string = source) {
  const said: string[] = [];
  const out = scratch.next();
  const run = await startRun(tinyData(), [small, layer], { ...quiet, out, from, say: (line) => said.push(line) });
  return { run, out, said: said.join("\n"), origin: readRun(out).from! };
}

async function begunFrom(from: string | undefined, layer: PartialSettings) {
  const out = scratch.next();
  const run = await startRun(tinyData(), [small, layer], { ...quiet, out, from });
  if (from === undefined) await train({ ...run, isStopping: stopAfter(1) });
  return { run, out };
}

const modelOf = (folder: string) => loadNewestCheckpoint(folder, () => {}).model.tensors;
const below = (tensors: StoredTensors["tensors"], prefix: string) =>
  new Map(
    [...tensors].flatMap(([name, { bytes }]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), Buffer.from(bytes).toString("hex")]] : [],
    ),
  );

describe("a run that begins with another's weights", () => {
  it("has all of a run of its own method and shape, at step 0 and with a new optimizer", async () => {
    const { out, origin, said, run } = await begun();
    expect(below(modelOf(out), "")).toEqual(below(modelOf(source), ""));
    expect(run.checkpoint!.state).toMatchObject({ step: 0, updates: 0 });
    expect(origin).toMatchObject({
      source,
      method: "barlow-twins",
      step: 12,
      taken: ["backbone", "projector"],
      fresh: [],
    });
    expect(origin.sha256).toBe(loadNewestCheckpoint(source, () => {}).state.files["model.safetensors"].sha256);
    expect(said).toBe(`begins with backbone, projector of ${source} (barlow-twins, step 12)`);
  });

  it("brings a transformer's positions to another size of pictures", async () => {
    const vit: PartialSettings = {
      backbone: "vit-tiny",
      stem: "patch-4",
      optimizer: { name: "adamw", learningRate: 0.001 },
    };
    const first = (await begunFrom(undefined, vit)).out;
    const { out } = await begunFrom(first, { ...vit, size: 24 });
    const [from, to] = [first, out].map((folder) => modelOf(folder).get("backbone.pos_embed")!);
    expect([from!.shape[1], to!.shape[1]]).toEqual([17, 37]);
    const kept = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, 4 * from!.shape[2]!)).toString("hex"); // the class token's
    expect(kept(to!.bytes)).toBe(kept(from!.bytes));
  });

  it("draws a head of another shape anew, as it would be without", async () => {
    const { out, origin, said } = await begun({ projector: "8-8" });
    expect(origin).toMatchObject({ taken: ["backbone"], fresh: ["projector"] });
    expect(said).toMatch(/; new: projector$/);
    expect(below(modelOf(out), "backbone.")).toEqual(below(modelOf(source), "backbone."));
    const alone = buildState(resolveSettings(small, { projector: "8-8" }), tinyData());
    expect(below(modelOf(out), "projector.")).toEqual(below(storedMap(stateOf(alone.network)), "projector."));
    freeOptimizer(alone.optimizer);
    freeNetwork(alone.network);
  });

  it("gives another method the trunk alone, and a teacher what the network holds", async () => {
    const { out, origin } = await begun({ method: "byol", predictor: "16" });
    expect(origin).toMatchObject({ taken: ["backbone"], fresh: ["projector", "predictor", "teacher"] });
    const model = modelOf(out);
    expect(below(model, "backbone.")).toEqual(below(modelOf(source), "backbone."));
    expect(below(model, "teacher.backbone.")).toEqual(below(model, "backbone."));
    expect(below(model, "teacher.projector.")).toEqual(below(model, "projector."));
  });

  it("takes the trunk of a weights file, also without counted batches", async () => {
    const weights = backboneTensors(modelOf(source));
    for (const name of [...weights.keys()]) if (name.endsWith("num_batches_tracked")) weights.delete(name);
    const { backbone, stem, width, size, views } = tinySettings();
    const facts = { backbone, stem, width, size, normalization: views[0]!.normalize, weights };
    const file = join(scratch.next(), "weights.safetensors");
    mkdirSync(join(file, ".."));
    writeFileSync(file, Buffer.concat(encodeSafetensors(describeWeights(facts))));
    const { out, origin } = await begun({}, file);
    expect(origin).toMatchObject({ method: null, step: null, taken: ["backbone"], fresh: ["projector"] });
    const taken = below(modelOf(out), "backbone.");
    for (const [name, bits] of below(weights, "")) expect(taken.get(name)).toBe(bits);
  });

  it("ends with the bits of an unbroken run when it is interrupted, whatever became of its source", async () => {
    const own = scratch.copyOf(source);
    const [whole, broken] = [await begun({}, own), await begun({}, own)];
    rmSync(own, { recursive: true });
    await train(whole.run);
    await train({ ...broken.run, isStopping: stopAfter(3) });
    await train(await goOnWithRun(broken.out, [], { ...quiet, data: tinyData(), say: () => {} }));
    expect(bitsOf(broken.out)).toBe(bitsOf(whole.out));
    const unbegun = await begun();
    await train(await goOnWithRun(unbegun.out, [], { ...quiet, data: tinyData(), say: () => {} }));
    expect(bitsOf(unbegun.out)).toBe(bitsOf(whole.out));
  });

  it("is not resumed with other first weights when these were never saved", async () => {
    const { out } = await begun();
    renameSync(join(out, "checkpoints"), join(out, "elsewhere"));
    const resumed = goOnWithRun(out, [], { ...quiet, data: tinyData(), say: () => {} });
    await expect(resumed).rejects.toThrow(/no checkpoint in .*; a whole one is needed/);
  });
});

describe("weights that do not fit", () => {
  it.each<[PartialSettings, RegExp]>([
    [{ width: 8 }, /width 4 there, 8 here; weights fit a trunk of their own shape only; .* add --set width=4/],
    [
      { backbone: "resnet34", stem: "imagenet" },
      /backbone resnet18 there, resnet34 here, stem small there, imagenet here/,
    ],
  ])("%j: refused before anything is made", async (layer, sentence) => {
    await expect(begun(layer)).rejects.toThrow(sentence);
  });

  it("nor is what is not there", async () => {
    await expect(begun({}, scratch.next())).rejects.toThrow(
      /is not there; a run's folder, RUN@STEP or a weights.safetensors is needed/,
    );
  });

  it("propose their trunk and size where nobody says another", async () => {
    const { width: _, size: __, ...rest } = small;
    const run = await startRun(tinyData(), [rest], { ...quiet, out: scratch.next(), from: source });
    expect(run.settings).toMatchObject({ width: 4, size: 16 });
  });
});
