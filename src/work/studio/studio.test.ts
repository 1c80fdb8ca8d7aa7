import { PassThrough } from "node:stream";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { tinyData, tinySettings } from "../../../test/tiny-run.ts";
import { makeViews, viewRecipeSchema } from "../../augment/index.ts";
import { batches, type Dataset } from "../../data/index.ts";
import { scope, threads } from "../../torch/index.ts";
import { decodeSizeOf, resolveSettings, settingFrom } from "../../train/index.ts";
import { batchAt } from "../results/drawn-pictures.ts";
import { viewPresets } from "./presets.ts";
import { serveStudio } from "./serve.ts";
import { recipeTexts, studioViews } from "./studio.ts";

beforeAll(() => void threads(1));
const { views } = tinySettings();

it("views in the studio are the training's own bits: of a sample, an epoch and a view, whatever else is in the batch", async () => {
  const dataset = tinyData();
  const settings = tinySettings({ seed: 3 });
  for await (const batch of batches(dataset, { batchSize: 8, seed: 3, startStep: 6, steps: 2 })) {
    const [place, sample] = [5, batch.indices[5]!];
    const trained = scope(() =>
      makeViews(batch, settings.views, { seed: 3 }).map((view) => view.select(0, place).contiguous().float32()),
    );
    const alone = (await batchAt(dataset, [sample, 1], decodeSizeOf(settings)))!;
    const seen = scope(() =>
      studioViews(alone, { views: settings.views, seed: 3, epoch: batch.epoch }).map((view) =>
        view.select(0, 0).contiguous().float32(),
      ),
    );
    expect(batch.epoch).toBe(1);
    expect(seen).toEqual(trained);
  }
});

async function asked(lines: readonly unknown[], open: () => Promise<Dataset> = async () => tinyData()) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const parts: Buffer[] = [];
  output.on("data", (part: Buffer) => parts.push(part));
  const served = serveStudio(open, undefined, { input, output });
  for (const line of lines) input.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`);
  input.end();
  const error = await served.then(
    () => undefined,
    (cause: Error) => cause,
  );
  await new Promise((resolve) => output.end(resolve));
  const text = Buffer.concat(parts).toString();
  const answers = text
    .trim()
    .split("\n")
    .map((line: string) => JSON.parse(line));
  return { answers, error };
}

describe("the process", () => {
  it("says what it has, and answers with a sheet, names, boxes and the recipe to copy", async () => {
    const { answers } = await asked([{ id: 7, views, size: 16, pictures: 3, tile: 32 }]);
    const [ready, answer] = answers;
    expect(ready).toMatchObject({ ready: true, images: 42, size: 16 });
    expect(ready.presets.map(({ name }: { name: string }) => name)).toEqual([
      "photos",
      "small-pictures",
      "micrographs",
      "documents",
    ]);
    expect(answer).toMatchObject({ id: 7, ok: true, columns: 3, tile: 32, flags: "--size 16" });
    expect(answer.names[0]).toBe(`noise[${answer.indices[0]}]`);
    const { width, height, format } = await sharp(Buffer.from(answer.webp, "base64")).metadata();
    expect({ width, height, format }).toEqual({ width: 96, height: 96, format: "webp" });
    expect(answer.boxes).toHaveLength(3);
    for (const [left, top, width, height] of answer.boxes.flat()) {
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
      expect(Math.max(left + width, top + height)).toBeLessThanOrEqual(1.0001);
    }
  });

  it("shows the same pictures for every draw, and others' views for another seed", async () => {
    const one = { views, size: 16, pictures: 4 };
    const { answers } = await asked([
      { id: 1, ...one },
      { id: 2, ...one, seed: 5 },
      { id: 3, ...one },
    ]);
    const [, first, second, third] = answers;
    expect(second.indices).toEqual(first.indices);
    expect(second.webp).not.toBe(first.webp);
    expect(third.webp).toBe(first.webp);
  });

  it.each([
    ["no JSON", "{", /no JSON/, null],
    ["an unknown key", { id: 1, view: views }, /views: a list of 1 to 16 recipes/, 1],
    [
      "a wrong value",
      { id: "a", views: [{ ...views[0], flip: 2 }] },
      /views.0.flip: a number from 0 to 1 is needed/,
      "a",
    ],
    ["a picture that there is not", { id: 3, views, indices: [99] }, /picture 99 of noise; there are 42/, 3],
    ["too much", { id: 4, views: Array(16).fill({ ...views[0], size: 1024 }), pictures: 32 }, /at most 32 million/, 4],
    ["nothing", "null", /object|table/, null],
  ])("refuses %s and goes on", async (_, line, error, id) => {
    const { answers } = await asked([line, { id: "next", views, size: 16, pictures: 1 }]);
    expect(answers[1]).toEqual({ id, ok: false, error: expect.stringMatching(error) });
    expect(answers[2]).toMatchObject({ id: "next", ok: true });
  });

  it("passes the oldest by where more wait than it can answer", async () => {
    const { answers } = await asked(Array.from({ length: 30 }, (_, id) => ({ id, views, size: 16, pictures: 1 })));
    const ok = answers.filter((answer: { ok?: boolean }) => answer.ok).map(({ id }: { id: number }) => id);
    expect(answers).toHaveLength(31);
    expect(ok.at(-1)).toBe(29);
    expect(ok.length).toBeLessThanOrEqual(10);
  });

  it("ends at a line that is longer than any request, and where there are no pictures", async () => {
    expect((await asked(["x".repeat(70_000)])).error?.message).toMatch(/more than 65536/);
    const { answers, error } = await asked([], async () => {
      throw new Error("gone");
    });
    expect(answers).toEqual([{ ready: false, error: "studio: gone" }]);
    expect(error?.message).toBe("gone");
  });
});

describe("recipes to copy", () => {
  it("as options give the recipe again", () => {
    const wanted = viewPresets(32)[2]!.views;
    const { flags, yaml } = recipeTexts({ views: wanted, size: 32, method: "barlow-twins" });
    const words = flags.match(/'[^']*'|\S+/g)!.map((word) => word.replaceAll("'", ""));
    const sets = words.flatMap((word, i) => (words[i - 1] === "--set" ? [settingFrom(word)] : []));
    expect(resolveSettings({ size: 32 }, ...sets).views).toEqual(wanted);
    expect(yaml).toContain("views:\n  - size: 32");
  });

  it.each(viewPresets(64).map((preset) => [preset.name, preset] as const))(
    "%s is a recipe, and says what it presumes",
    (_, preset) => {
      for (const view of preset.views) expect(viewRecipeSchema.parse(view)).toEqual(view);
      expect(preset.presumes.length).toBeGreaterThan(40);
    },
  );
});
