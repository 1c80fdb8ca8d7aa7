import { existsSync } from "node:fs";
import { extname, resolve } from "node:path";
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { recipes } from "../../recipes/index.ts";
import type { PartialSettings } from "../../train/index.ts";
import { readDataFile } from "./data-file.ts";

/** A shipped recipe by name, or a user's file: .ts, .mts, .js, .mjs (default export), .json, .yaml, .yml. Errors: configuration. */
export async function loadRecipe(name: string): Promise<PartialSettings> {
  if (Object.hasOwn(recipes, name)) return recipes[name as keyof typeof recipes];
  if (existsSync(name)) return readRecipe(resolve(name));
  if (extname(name) !== "") throw noFile(name);
  throw new SelfsightError(
    "configuration",
    `recipe: ${displayName(name)}; a shipped recipe (${Object.keys(recipes).join(", ")}) or a file is needed; check the name.${didYouMean(name, Object.keys(recipes))}`,
  );
}

const noFile = (path: string) =>
  new SelfsightError(
    "configuration",
    `recipe: ${displayName(path)} is not there; a file of settings is needed (.ts, .json or .yaml); check the path`,
  );

async function readRecipe(path: string): Promise<PartialSettings> {
  try {
    const value = await readDataFile(path);
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new Error("it holds no table of settings");
    return value as PartialSettings;
  } catch (cause) {
    throw new SelfsightError(
      "configuration",
      `recipe: ${displayName(path)}: ${(cause as Error).message.split("\n")[0]}; a table of settings is needed; see src/recipes for examples`,
      { cause },
    );
  }
}
