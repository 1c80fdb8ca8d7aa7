// An index in n parts, each made by a process of its own: `photos.safetensors` as photos-00001-of-00008.safetensors and so on.
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CallError } from "../../errors.ts";
import { formatOf } from "./files/formats.ts";

/** Part `number` of `of`, counted from 1. */
export interface Shard {
  number: number;
  of: number;
}

const five = (value: number): string => String(value).padStart(5, "0");

/** Where a part is kept. */
export function shardFile(file: string, { number, of }: Shard): string {
  const { ending } = formatOf(file);
  return `${file.slice(0, -ending.length)}-${five(number)}-of-${five(of)}${ending}`;
}

/** The part's pictures [start, end): parts differ by one picture at most, and follow one another. */
export function shardRange(length: number, { number, of }: Shard): [start: number, end: number] {
  if (!Number.isInteger(number) || !Number.isInteger(of) || number < 1 || number > of)
    throw new CallError(
      `embed: shard ${number} of ${of}; a number from 1 to how many there are is needed; give 1 of 8 to 8 of 8`,
    );
  return [Math.floor(((number - 1) * length) / of), Math.floor((number * length) / of)];
}

/** The parts of an index that lie beside one another, or none; `missing` are those that do not. */
export function shardsOf(file: string): { found: string[]; missing: string[] } {
  const { ending } = formatOf(file);
  const stem = basename(file).slice(0, -ending.length);
  const numbers = namesIn(dirname(file)).flatMap((name) => {
    const match =
      name.startsWith(`${stem}-`) && /^-(\d{5,})-of-(\d{5,})$/.exec(name.slice(stem.length, -ending.length));
    return match && name.endsWith(ending) ? [{ number: Number(match[1]), of: Number(match[2]) }] : [];
  });
  const of = Math.max(0, ...numbers.map((shard) => shard.of));
  const there = new Set(numbers.filter((shard) => shard.of === of).map(({ number }) => number));
  const all = Array.from({ length: of }, (_, i) => i + 1);
  const pathOf = (number: number) => join(dirname(file), basename(shardFile(file, { number, of })));
  return {
    found: all.filter((number) => there.has(number)).map(pathOf),
    missing: all.filter((number) => !there.has(number)).map(pathOf),
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
