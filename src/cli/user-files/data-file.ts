import { readFileSync } from "node:fs";
import { extname } from "node:path";

/** What a user's file holds: .json, .yaml and .yml are read; .ts, .mts, .js and .mjs are run and their default export taken. */
export async function readDataFile(path: string): Promise<unknown> {
  const extension = extname(path);
  if (extension === ".json") return JSON.parse(readFileSync(path, "utf8"));
  if (extension === ".yaml" || extension === ".yml") return (await import("yaml")).parse(readFileSync(path, "utf8"));
  const { createJiti } = await import("jiti");
  return createJiti(import.meta.url).import(path, { default: true });
}
