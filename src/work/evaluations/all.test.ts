// Every protocol that tiny pictures allow, and what a page and a file then say.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { scratchFolder, tinySettings } from "../../../test/tiny-run.ts";
import { evaluate } from "../evaluate.ts";
import { pretrain } from "../pretrain.ts";
import { evaluateAll } from "./all.ts";
import { readEvaluations } from "./kept.ts";
import { readOutcomes } from "./outcomes.ts";
import { evaluatedRows, publishedBeside } from "./report-section.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

test("figures, refusals with reasons, outcomes, and the run's page beside published figures", async () => {
  const out = scratch.next();
  await pretrain("shapes", { limit: 80, steps: 2 }, { out, recipe: { ...tinySettings(), epochs: null } });
  const flat = scratch.next();
  mkdirSync(flat, { recursive: true });
  for (let i = 0; i < 4; i++)
    await sharp({ create: { width: 9 + i, height: 9, channels: 3, background: { r: 60 * i, g: 40, b: 9 } } })
      .png()
      .toFile(join(flat, `${i}.png`));
  const seen: string[] = [];
  const asked = ["knn", "transfer", "unlabelled"];
  const all = await evaluateAll(out, ["shapes", flat], {
    ...{ protocols: asked, limit: 60, warn: () => {} },
    onFound: (name) => seen.push(name),
    onRefused: (name, _, reason) => seen.push(`${name}: ${reason}`),
  });
  expect(all.found.map(({ name, data }) => `${name} ${data === flat ? "flat" : data}`)).toEqual([
    "knn shapes",
    "unlabelled shapes",
    "unlabelled flat",
  ]);
  expect(all.refused.map(({ name, kind }) => [name, kind])).toEqual([
    ["transfer", "data"],
    ["knn", "data"],
    ["transfer", "data"],
  ]);
  expect(seen.join("\n")).toMatch(/knn: .*has no labels; accuracy needs them/);
  expect(readEvaluations(out)).toMatchObject({ step: 2, found: [{ name: "knn", interval: { level: 0.95 } }, {}, {}] });
  expect(readOutcomes(join(out, "outcomes", "shapes-knn.json")).scores).toHaveLength(60);
  const page = readFileSync(all.report!, "utf8");
  expect(page).toMatch(
    /<section id="evaluations"><h2>By protocol[\s\S]*knn-v1 k=[\s\S]*What these pictures do not allow/,
  );
  const again = await evaluateAll(out, ["shapes"], { protocols: ["unlabelled"], limit: 60, warn: () => {} });
  expect(readFileSync(again.report!, "utf8")).not.toContain(
    "knn-v1 k=1 T=0.1, at most 60 images a split</th><td>shapes",
  );
  expect(evaluatedRows(out, again)).toMatchObject([{ name: "unlabelled", published: [] }]);
}, 120_000);

test("a baseline needs a folder of its own, and an unknown protocol is named", async () => {
  await expect(evaluateAll("pixels", ["shapes"], { protocols: ["knn"] })).rejects.toThrow(
    /pixels is no run.*add --out/,
  );
  await expect(evaluateAll("pixels", ["shapes"], { protocols: ["knm"], out: scratch.next() })).rejects.toThrow(
    /Did you mean knn\?/,
  );
  const out = scratch.next();
  const all = await evaluateAll("pixels", ["shapes"], { protocols: ["knn"], out, limit: 60 });
  expect([all.report, all.step, existsSync(all.path)]).toEqual([null, null, true]);
});

test("published rows: of the run's method, for the data that they are of", () => {
  expect(publishedBeside("linear", "photos", "barlow-twins")).toMatchObject([
    { table: "paper-table-1", value: 73.2, epochs: 1000, batch: 2048 },
  ]);
  expect(publishedBeside("linear", "cifar10", "byol").map(({ table }) => table)).toEqual([
    "paper-table-1",
    "solo-learn",
  ]);
  expect(publishedBeside("segment", "x", "simsiam")).toMatchObject([{ value: 34.4, batch: null }]);
  expect(publishedBeside("finetune", "x", "simsiam")).toEqual([]);
  expect(publishedBeside("robustness", "x", "byol")).toEqual([]);
});

test("robustness: each share is that of the pictures, clean is kNN's, and equal trunks have errors of one to one", async () => {
  const options = { limit: 40, size: 16, device: "cpu", precision: "fp32" } as const;
  const found = await evaluate("pixels", "robustness", "shapes", {
    ...options,
    corruptions: ["fog", "jpeg"],
    strengths: [5, 1],
  });
  expect(found.protocol).toBe(
    "robustness-v1 cifar-c strengths 1 5 of fog jpeg, knn-v1 k=1 T=0.1, at most 40 images a split",
  );
  expect(found.clean).toBe((await evaluate("pixels", "knn", "shapes", { ...options, k: 1 })).value);
  const accuracies = found.corruptions.flatMap((own) => own.accuracies.map(({ value }) => value));
  const mean = (values: number[]) => values.reduce((sum, own) => sum + own, 0) / values.length;
  expect(found.value).toBeCloseTo(mean(accuracies), 12);
  expect(mean(Array.from(found.outcomes))).toBeCloseTo(found.value, 6);
  expect(found.baselines).toEqual([]);
  const again = await evaluate("pixels", "robustness", "shapes", {
    ...options,
    corruptions: ["fog"],
    strengths: [5],
    pictures: 10,
  });
  expect([again.outcomes.length, again.protocol.endsWith(", 10 test images")]).toEqual([10, true]);
  const linear = await evaluate("pixels", "robustness", "shapes", {
    ...options,
    corruptions: ["contrast"],
    strengths: [5],
    classifier: "linear",
  });
  expect(linear.clean).toBe((await evaluate("pixels", "linear", "shapes", options)).value);
}, 120_000);

test.each([
  [{ corruptions: ["fogg"] }, /fogg is no corruption; .*Did you mean fog\?/],
  [{ strengths: [6] }, /strength 6; a whole number from 1/],
])("robustness %j: refused before any work", async (options, message) => {
  await expect(evaluate("pixels", "robustness", "shapes", options)).rejects.toMatchObject({
    kind: "configuration",
    message,
  });
});
