// Files to their places and back. A name that something has is never written to: links are made, and a link to a taken name fails.
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import { createFileDurably, makeFolder, readRegularFile, storageError } from "../../files.ts";
import { folderOf, pathOf } from "./paths.ts";
import type { Move, SortPlan } from "./plan.ts";

const listSchema = z.object({
  selfsight: z.literal("sort"),
  way: z.enum(["move", "link"]),
  moves: z.array(z.object({ from: z.string(), to: z.string() })),
});

/** Whether files are moved, or stay and are linked to. */
export type Way = "move" | "link";

export interface CarriedOut {
  done: number;
  /** What was not done, with the reason; these files are where they were. */
  refused: { name: string; reason: string }[];
}

/**
 * Does what a plan says. First the list that undoes it is written, so that whatever ends the process, `undoSort` leads back.
 * Errors: storage, where the list or a folder cannot be written, or the disk fails.
 */
export function carryOut({ into, moves }: SortPlan, way: Way): CarriedOut & { undoList: string } {
  makeFolder(into);
  const undoList = writeList(into, { selfsight: "sort", way, moves: moves.map(({ from, to }) => ({ from, to })) });
  const put = way === "move" ? moveFile : linkFile;
  return { undoList, ...each(moves, ({ from, to }) => put(from, to)) };
}

/** Brings back what a list says was moved, and takes away links; what has changed since stays and is named. Errors: data, storage. */
export function undoSort(undoList: string): CarriedOut {
  const { way, moves } = readList(undoList);
  return each([...moves].reverse(), ({ from, to }) => (way === "move" ? moveBack(from, to) : unlinkFile(from, to)));
}

function writeList(into: string, list: z.infer<typeof listSchema>): string {
  for (let number = 1; ; number++) {
    const path = join(into, `undo-${number}.json`);
    if (createFileDurably(path, `${JSON.stringify(list, null, 1)}\n`)) return path;
  }
}

function readList(path: string): z.infer<typeof listSchema> {
  try {
    return listSchema.parse(JSON.parse(readRegularFile(path).toString("utf8")));
  } catch (cause) {
    throw new SelfsightError(
      "data",
      `undo: ${displayName(path)} is no list of \`selfsight sort\`; the undo-N.json that it wrote is needed; check the path`,
      { cause },
    );
  }
}

/** One by one; a file that cannot be had is named and the others go on, a disk that fails ends it. */
function each(
  moves: readonly Pick<Move, "from" | "to">[],
  put: (move: Pick<Move, "from" | "to">) => string | undefined,
): CarriedOut {
  const found: CarriedOut = { done: 0, refused: [] };
  for (const move of moves) {
    const reason = tried(() => put(move), move.to);
    if (reason === undefined) found.done++;
    else found.refused.push({ name: move.from, reason });
  }
  return found;
}

const ofOneFile: Record<string, string> = {
  EEXIST: "its new name is taken",
  ENOENT: "it is no longer there",
  EACCES: "this user may not move it",
  EPERM: "this user may not move it",
  ENAMETOOLONG: "its new name is too long",
};

function tried(put: () => string | undefined, to: string): string | undefined {
  try {
    return put();
  } catch (cause) {
    const reason = ofOneFile[(cause as NodeJS.ErrnoException).code ?? ""];
    if (reason === undefined) throw storageError("sort", to, cause);
    return reason;
  }
}

function moveFile(from: string, to: string): undefined {
  mkdirSync(folderOf(to), { recursive: true });
  place(pathOf(from), pathOf(to));
  unlinkSync(pathOf(from));
}

/** The file under a second name; where the file system has none, a copy that replaces nothing. */
function place(from: Buffer, to: Buffer): void {
  try {
    if (lstatSync(from).isSymbolicLink())
      symlinkSync(realpathSync(from), to); // a relative one would lead elsewhere
    else linkSync(from, to);
  } catch (cause) {
    if (!["EXDEV", "EPERM", "ENOTSUP", "EMLINK"].includes((cause as NodeJS.ErrnoException).code ?? "")) throw cause;
    copyWhole(from, to);
  }
}

function copyWhole(from: Buffer, to: Buffer): void {
  const { atime, mtime } = lstatSync(from);
  copyFileSync(from, to, constants.COPYFILE_EXCL);
  utimesSync(to, atime, mtime);
  const file = openSync(to, "r");
  fsyncSync(file);
  closeSync(file);
}

function linkFile(from: string, to: string): undefined {
  mkdirSync(folderOf(to), { recursive: true });
  symlinkSync(pathOf(from), pathOf(to));
}

/** A move that never came about left its file where it was. */
function moveBack(from: string, to: string): string | undefined {
  if (
    lstatSync(pathOf(to), { throwIfNoEntry: false }) === undefined &&
    lstatSync(pathOf(from), { throwIfNoEntry: false })
  )
    return;
  mkdirSync(folderOf(from), { recursive: true });
  if (isSameFile(pathOf(from), pathOf(to)))
    unlinkSync(pathOf(to)); // it was cut off between the two steps
  else moveFile(to, from);
}

function isSameFile(a: Buffer, b: Buffer): boolean {
  const [first, second] = [a, b].map((path) => lstatSync(path, { throwIfNoEntry: false }));
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}

function unlinkFile(from: string, to: string): string | undefined {
  const kind = lstatSync(pathOf(to), { throwIfNoEntry: false });
  if (kind === undefined) return; // it was never made, or is gone already
  if (!kind.isSymbolicLink() || !readlinkSync(pathOf(to), { encoding: "buffer" }).equals(pathOf(from)))
    return "another file has taken its name";
  unlinkSync(pathOf(to));
}
