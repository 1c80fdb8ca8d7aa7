import { existsSync, readFileSync } from "node:fs";
import { extname, resolve } from "node:path";
import { didYouMean, displayName, SelfsightError } from "../errors.ts";
import { recipes } from "../recipes/index.ts";
import type { PartialSettings } from "../train/index.ts";

/** A shipped recipe by name, or a user's file: .ts, .mts, .js, .mjs (default export), .json, .yaml, .yml. Errors: configuration. */
export async function loadRecipe(name: string): Promise<PartialSettings> {
  if (Object.hasOwn(recipes, name)) return recipes[name as keyof typeof recipes];
  if (existsSync(name)) return readRecipe(resolve(name));
  throw new SelfsightError(
    "configuration",
    `recipe: ${displayName(name)}; a shipped recipe (${Object.keys(recipes).join(", ")}) or a file is needed; check the name.${didYouMean(name, Object.keys(recipes))}`,
  );
}

async function readRecipe(path: string): Promise<PartialSettings> {
  try {
    const value = await parseRecipe(path);
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new Error("it holds no table of settings");
    return value as PartialSettings;
  } catch (cause) {
    throw new SelfsightError(
      "configuration",
      `recipe: ${displayName(path)}: ${(cause as Error).message}; a table of settings is needed; see src/recipes for examples`,
      { cause },
    );
  }
}

async function parseRecipe(path: string): Promise<unknown> {
  const extension = extname(path);
  if (extension === ".json") return JSON.parse(readFileSync(path, "utf8"));
  if (extension === ".yaml" || extension === ".yml") return (await import("yaml")).parse(readFileSync(path, "utf8"));
  const { createJiti } = await import("jiti");
  return createJiti(import.meta.url).import(path, { default: true });
}
