// changes.jsonl: what was changed while a run trained, each with its step. With run.json it says what every step was taken with.
import { closeSync, constants, existsSync, fstatSync, fsyncSync, ftruncateSync, readSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SelfsightError } from "../../errors.ts";
import { openRegular, readRegularFile, storageError, writeFileDurably, writeWhole } from "../../files.ts";
import { isFree, settingsHash } from "../run/resume.ts";
import { type Change, merge, settingTree } from "../settings/setting-tree.ts";
import type { Settings } from "../settings/settings.ts";

const changeSchema = z.object({ key: z.string().min(1).max(200), from: z.unknown(), to: z.unknown() });

const recordSchema = z.object({
  /** Steps done when it took effect: the step after it is the first that is taken with it. */
  step: z.number().int().nonnegative(),
  time: z.string(),
  request: z.string(),
  who: z.string(),
  via: z.string(),
  changes: z.array(changeSchema).max(1000),
});

/** One line of changes.jsonl. */
export interface ChangeRecord {
  step: number;
  time: string;
  /** The id of the request that asked for it. */
  request: string;
  who: string;
  via: string;
  /** Dotted keys with the value before and the value from then on. */
  changes: Change[];
}

export const changesPath = (folder: string): string => join(folder, "changes.jsonl");

const mostBytes = 1_000_000;

/** The changes of a run that stand, in the order in which they take effect. Lines that are cut off are left out. Errors: storage. */
export function readChanges(folder: string): ChangeRecord[] {
  const path = changesPath(folder);
  if (!existsSync(path)) return [];
  try {
    return standing(readRegularFile(path).toString("utf8").split("\n").flatMap(recordFrom));
  } catch (cause) {
    throw storageError("read", path, cause);
  }
}

function recordFrom(line: string): ChangeRecord[] {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}

/** A line of a smaller step behind one of a greater step voids that one, where they name the same key: a run that went on from before it was steered anew. */
export function standing(records: readonly ChangeRecord[]): ChangeRecord[] {
  const kept: ChangeRecord[] = [];
  for (const record of records) {
    const keys = new Set(record.changes.map(({ key }) => key));
    for (const later of kept.filter(({ step }) => step > record.step))
      later.changes = later.changes.filter(({ key }) => !keys.has(key));
    kept.push({ ...record });
  }
  return kept.filter(({ changes }) => changes.length > 0).sort((a, b) => a.step - b.step); // stable: of one step as they came
}

/** Writes changes before they take effect; what could not be written whole is taken back. Errors: storage; configuration, when there are too many. */
export function recordChange(folder: string, record: ChangeRecord): void {
  const path = changesPath(folder);
  let file: number | undefined;
  let before: number | undefined;
  try {
    file = openRegular(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT);
    before = fstatSync(file).size;
    if (before > mostBytes) throw tooMany(path);
    const text = `${isCut(file, before) ? "\n" : ""}${JSON.stringify(record)}\n`;
    writeWhole(file, Buffer.from(text));
    fsyncSync(file);
  } catch (cause) {
    if (file !== undefined && before !== undefined) takeBack(file, before);
    throw storageError("write", path, cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The changes of another run as those of this one, which will take effect at their steps. Errors: storage. */
export const writeChanges = (folder: string, records: readonly ChangeRecord[]): void =>
  writeFileDurably(changesPath(folder), records.map((record) => `${JSON.stringify(record)}\n`).join(""));

function isCut(file: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}

function takeBack(file: number, size: number): void {
  try {
    ftruncateSync(file, size);
  } catch {} // the error that is on its way says more
}

const tooMany = (path: string) =>
  new SelfsightError(
    "configuration",
    `steer: ${path} has grown beyond 1 MB; a run takes so many changes and no more; fork it, its settings then begin with these`,
  );

/** Settings after some changes. */
export const withChanges = (settings: Settings, records: readonly ChangeRecord[]): Settings =>
  records
    .flatMap(({ changes }) => changes)
    .reduce<unknown>((tree, { key, to }) => merge(tree, settingTree(key, to)), settings) as Settings;

/** The settings with which the step after `step` is taken. */
export const settingsAt = (settings: Settings, records: readonly ChangeRecord[], step: number): Settings =>
  withChanges(
    settings,
    records.filter((record) => record.step <= step),
  );

/** Hashes that a checkpoint of this step may carry: it was saved before, between or behind the changes of its own step. */
export function hashesAt(settings: Settings, records: readonly ChangeRecord[], step: number): string[] {
  const before = records.filter((record) => record.step < step);
  const upTo = records.filter((record) => record.step <= step);
  return Array.from({ length: upTo.length - before.length + 1 }, (_, i) =>
    settingsHash(withChanges(settings, upTo.slice(0, before.length + i))),
  );
}

/** Without changes of settings that leave the result as it is and that were given anew. */
export const withoutGiven = (records: readonly ChangeRecord[], given: readonly string[]): ChangeRecord[] =>
  records.map((record) => ({
    ...record,
    changes: record.changes.filter(({ key }) => !(isFree(key) && given.includes(key))),
  }));
