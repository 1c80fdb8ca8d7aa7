// Which pictures a plan takes where it names several, and that it keeps to them.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { findKnownDatasets } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { writeFileDurably } from "../../files.ts";
import type { Plan } from "../plan/plan.ts";

const pathIn = (folder: string) => join(folder, "data.json");

function begunWith(folder: string): string | undefined {
  try {
    return z.object({ data: z.string() }).parse(JSON.parse(readFileSync(pathIn(folder), "utf8"))).data;
  } catch {
    return undefined; // nothing begun yet, or damaged: chosen anew
  }
}

/**
 * The plan's pictures: of several candidates the one that `folder` began with, else the first that is on this machine, else the last.
 * Errors: configuration, when the one that it began with is not here now; rows of different pictures are no comparison.
 */
export async function chosenData({ data }: Pick<Plan, "data">, folder: string): Promise<string> {
  const candidates = typeof data === "string" ? [data] : data;
  const known = candidates.length > 1 ? await findKnownDatasets() : {};
  const isHere = (name: string) => name === "shapes" || Boolean(known[name]) || (!(name in known) && existsSync(name));
  const begun = candidates.length > 1 ? candidates.find((name) => name === begunWith(folder)) : undefined;
  if (begun !== undefined && !isHere(begun)) throw goneData(folder, begun);
  const chosen = begun ?? candidates.find(isHere) ?? candidates.at(-1)!;
  if (candidates.length > 1) writeFileDurably(pathIn(folder), `${JSON.stringify({ data: chosen })}\n`);
  return existsSync(chosen) && !(chosen in known) ? resolve(chosen) : chosen;
}

const goneData = (folder: string, name: string) =>
  new SelfsightError(
    "configuration",
    `compare: ${displayName(folder)} began with ${displayName(name)}, which is not on this machine now; the same pictures are needed; set SELFSIGHT_DATA to where they are, or choose another --out`,
  );
