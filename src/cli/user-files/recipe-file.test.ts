import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { recipes } from "../../recipes/index.ts";
import { resolveSettings } from "../../train/index.ts";
import { loadRecipe } from "./recipe-file.ts";

const scratch = scratchFolder();
const folder = scratch.next();
beforeAll(() => mkdirSync(folder));
afterAll(scratch.remove);

function written(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

it.each(Object.entries(recipes))("the shipped recipe %s fits the settings", async (name, recipe) => {
  expect(await loadRecipe(name)).toBe(recipe);
  expect(resolveSettings(recipe)).toMatchObject(recipe);
});

it.each([
  ["good.json", '{"steps": 1, "seed": 7}'],
  ["good.yaml", "steps: 1\nseed: 7\n"],
  ["good.ts", "const seed: number = 7;\nexport default { steps: 1, seed };\n"],
  ["good.mjs", "export default { steps: 1, seed: 7 };\n"],
])("%s is read", async (name, text) => {
  expect(await loadRecipe(written(name, text))).toEqual({ steps: 1, seed: 7 });
});

it.each([
  ["a.json", "{"],
  ["b.yaml", "a: [1"],
  ["c.ts", "export default {"],
  ["d.json", "[]"],
  ["e.json", "3"],
  ["f.yaml", ""],
  ["g.ts", "throw new Error('no');"],
])("%s is refused in one line", async (name, text) => {
  const error = await loadRecipe(written(name, text)).catch((thrown) => thrown as Error);
  expect(error).toMatchObject({ name: "SelfsightError", exitCode: 2 });
  expect((error as Error).message).toMatch(/^recipe: .*[a-g]\.\w+: .+; a table of settings is needed; .+$/);
});

it("names the shipped recipe that was meant", async () => {
  await expect(loadRecipe("shape")).rejects.toThrow(
    /a shipped recipe \(cifar10, .*\) or a file is needed.*Did you mean shapes\?/,
  );
});
