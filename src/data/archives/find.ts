// Which archives a word means: a pattern such as shards/train-{000..146}.tar or shards/*.tar, or a folder that holds nothing else.
import { readdir } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { isShard, refuseShards, type ShardSet } from "./shards.ts";

/** What lies beside shards and is none. */
const harmlessEndings = [".md", ".json", ".jsonl", ".txt", ".idx", ".yaml", ".yml"];

const isPattern = (source: string): boolean => /[{*]/.test(source);

/** The archives of a pattern; undefined where it is none. Errors: data, where nothing matches or one of them is no archive. */
export async function shardsOfPattern(pattern: string): Promise<ShardSet | undefined> {
  if (!isPattern(pattern)) return undefined;
  const paths: string[] = [];
  for (const one of braced(pattern)) paths.push(...(await starred(resolve(one))));
  const stranger = paths.find((path) => !isShard(path));
  if (paths.length === 0 || stranger !== undefined) throw refuseShards(stranger ?? pattern);
  return { name: basename(pattern), root: dirname(paths[0]!), paths };
}

/** The archives of a folder, or of its `data/`, where they are all that it holds beside notes. */
export async function shardsInFolder(folder: string): Promise<ShardSet | undefined> {
  for (const place of [folder, join(folder, "data")]) {
    const entries = (await readdir(place, { withFileTypes: true }).catch(() => [])).filter(
      ({ name }) => !name.startsWith("."),
    );
    const shards = entries.filter((entry) => !entry.isDirectory() && isShard(entry.name)).map(({ name }) => name);
    const strangers = entries.filter(
      (entry) => entry.isDirectory() || !(isShard(entry.name) || isHarmless(entry.name)),
    );
    const isHome = place === folder && shards.length === 0 && strangers.every(({ name }) => name === "data");
    if (isHome) continue;
    if (shards.length === 0 || strangers.length > 0) return undefined;
    return { name: basename(folder), root: place, paths: shards.sort().map((name) => join(place, name)) };
  }
  return undefined;
}

const isHarmless = (name: string): boolean => harmlessEndings.includes(extname(name).toLowerCase());

/** `a-{08..10}` and `a-{x,y}` written out, from left to right. */
export function braced(pattern: string): string[] {
  const found = /\{([^{}]*)\}/.exec(pattern);
  if (!found) return [pattern];
  const [before, after] = [pattern.slice(0, found.index), pattern.slice(found.index + found[0].length)];
  return alternatives(found[1]!).flatMap((one) => braced(`${before}${one}${after}`));
}

function alternatives(inside: string): string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(inside);
  if (!range) return inside.split(",");
  const [from, to] = [Number(range[1]), Number(range[2])];
  const places = Array.from({ length: Math.min(mostShards, Math.max(0, to - from + 1)) }, (_, i) => String(from + i));
  return places.map((place) => place.padStart(range[1]!.length, "0"));
}

/** More are a slip of the pen. */
const mostShards = 1_000_000;

/** A star stands for any part of the last name; without one the path itself. */
async function starred(path: string): Promise<string[]> {
  const name = basename(path);
  if (!name.includes("*")) return [path];
  const parts = name.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const matching = new RegExp(`^${parts.join(".*")}$`, "s");
  const entries = await readdir(dirname(path)).catch(() => []);
  return entries
    .filter((entry) => matching.test(entry) && !entry.startsWith("."))
    .sort()
    .map((entry) => join(dirname(path), entry));
}
