// Finds the pictures under a folder. Nothing but regular files is ever opened, links cannot lead in circles, and the order
// is the byte-wise order of the relative names, whatever order the file system lists them in.
import { closeSync, constants, type Dirent, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { displayName, SelfsightError } from "../../errors.ts";
import {
  defaultRules,
  folderFingerprint,
  type ImageFile,
  type ImageFolder,
  type ReadingRules,
  type SampleRules,
  type SkippedFile,
} from "../dataset.ts";
import { acceptedTypes, imageType, sniffedBytes, whyNotAnImage } from "../decode/image-type.ts";
import { tiffSamples, undeclared } from "../decode/tiff-tags.ts";
import { nameOfBytes } from "../picture-name.ts";
import { listedByReason } from "../said.ts";

type FileFacts = Pick<ImageFile, "bytes" | "modifiedSeconds">;

interface FoundFile extends FileFacts {
  relative: Buffer;
}

interface Walk {
  root: Buffer;
  candidates: Buffer[]; // relative
  links: Buffer[]; // relative; followed after every real folder has been read under its own name
  skipped: { relative: Buffer; reason: string }[];
  visited: Set<string>; // device and inode of each folder that was read
}

/** Files looked at side by side; enough to keep a slow disk busy. */
const lookahead = 32;

/** What systems and stores keep beside people's pictures: thumbnails, things thrown away, the other half of a Mac's files. */
const systemFolders = [
  "@eadir",
  "#recycle",
  "#snapshot",
  "$recycle.bin",
  "__macosx",
  "lost+found",
  "system volume information",
];

/** Up to this share of pictures beside two and more class folders are strays (a cover, a contact sheet), not a class of their own. */
const greatestStrayShare = 0.1;

/**
 * Opens every picture below `root`, labelled by first-level sub-folder. A few stray pictures beside two or more sub-folders are
 * left out; where more lie there, all are taken and none is labelled.
 */
export async function openImageFolder(
  root: string,
  name: string,
  rules: Partial<ReadingRules> = {},
): Promise<ImageFolder> {
  const walk = await walkFolder(Buffer.from(root));
  const whole = { ...defaultRules, ...rules };
  const found = withoutStrays(await sortOut(walk, whole), walk);
  found.sort((a, b) => Buffer.compare(a.relative, b.relative));
  walk.skipped.sort((a, b) => Buffer.compare(a.relative, b.relative));
  const skipped = walk.skipped.map(({ relative, reason }) => ({ label: nameOfBytes(relative), reason }));
  if (found.length === 0) throw noPictures(root, skipped);
  return {
    kind: "folder",
    name,
    length: found.length,
    root,
    files: found.map(({ relative, ...size }) => ({
      path: below(walk.root, relative),
      label: nameOfBytes(relative),
      ...size,
    })),
    ...folderLabels(found),
    fingerprint: folderFingerprint(found),
    skipped,
    rules: whole,
  };
}

/** One picture as a dataset of its own. Errors: data, when it is none. */
export async function openImageFile(path: string, rules: Partial<ReadingRules> = {}): Promise<ImageFolder> {
  const whole = { ...defaultRules, ...rules };
  const seen = await lookInto(Buffer.from(path), whole);
  const label = nameOfBytes(Buffer.from(basename(path)));
  if (typeof seen === "string")
    throw new SelfsightError(
      "data",
      `opening ${displayName(path)}: ${seen}; ${acceptedTypes} are read; give a picture, or a folder of pictures`,
    );
  return {
    kind: "folder",
    name: label,
    length: 1,
    root: dirname(path),
    files: [{ path: Buffer.from(path), label, ...seen }],
    fingerprint: folderFingerprint([{ relative: Buffer.from(basename(path)), bytes: seen.bytes }]),
    skipped: [],
    rules: whole,
  };
}

const isHiddenName = (name: string): boolean => name.startsWith(".");
const isSystemFolder = (name: string): boolean => systemFolders.includes(name.toLowerCase());

/** Whether a sub-folder of this name is never read. */
export const isPassedOver = (name: string): boolean => isHiddenName(name) || isSystemFolder(name);

async function walkFolder(root: Buffer): Promise<Walk> {
  const walk: Walk = { root, candidates: [], links: [], skipped: [], visited: new Set() };
  const folders: Buffer[] = [Buffer.alloc(0)];
  while (folders.length > 0 || walk.links.length > 0) {
    const folder = folders.pop();
    if (folder !== undefined) folders.push(...(await readFolder(walk, folder)));
    else folders.push(...(await followLinks(walk)));
  }
  return walk;
}

/** Sorts the entries of one folder into candidates, links and skipped; returns its sub-folders. */
async function readFolder(walk: Walk, folder: Buffer): Promise<Buffer[]> {
  const path = below(walk.root, folder);
  try {
    const { dev, ino } = await stat(path);
    walk.visited.add(`${dev}:${ino}`);
    const entries = await readdir(path, { withFileTypes: true, encoding: "buffer" });
    return entries.flatMap((entry) => placeEntry(walk, folder, entry));
  } catch (cause) {
    if (folder.length === 0) throw unreadableRoot(walk.root, cause);
    walk.skipped.push({ relative: folder, reason: `folder cannot be read (${codeOf(cause)})` });
    return [];
  }
}

function placeEntry(walk: Walk, folder: Buffer, entry: Dirent<Buffer>): Buffer[] {
  const relative = below(folder, entry.name);
  const isHidden = isHiddenName(entry.name.toString("latin1"));
  if (isHidden && entry.isFile()) walk.skipped.push({ relative, reason: "hidden file" });
  else if (entry.isFile()) walk.candidates.push(relative);
  else if (entry.isSymbolicLink()) walk.links.push(relative);
  else if (!entry.isDirectory()) walk.skipped.push({ relative, reason: specialKind(entry) });
  else if (isHidden) walk.skipped.push({ relative, reason: "hidden folder" });
  else if (isSystemFolder(entry.name.toString())) walk.skipped.push({ relative, reason: "folder of the system" });
  else return [relative];
  return [];
}

/** Links to files count as files, wherever they lead; links to folders are read once, and not when read already. */
async function followLinks(walk: Walk): Promise<Buffer[]> {
  const links = walk.links.splice(0).sort(Buffer.compare);
  const folders: Buffer[] = [];
  for (const relative of links) {
    const target = await stat(below(walk.root, relative)).catch((cause: unknown) => codeOf(cause));
    if (typeof target === "string") walk.skipped.push({ relative, reason: `link leads nowhere (${target})` });
    else if (target.isFile()) walk.candidates.push(relative);
    else if (!target.isDirectory()) walk.skipped.push({ relative, reason: "link to something that is no file" });
    else if (walk.visited.has(`${target.dev}:${target.ino}`))
      walk.skipped.push({ relative, reason: "link to a folder that is read already" });
    else {
      walk.visited.add(`${target.dev}:${target.ino}`);
      folders.push(relative);
    }
  }
  return folders;
}

/** Looks into every candidate; pictures are returned, the rest joins the skipped. */
async function sortOut(walk: Walk, rules: SampleRules): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const place = (relative: Buffer, seen: FileFacts | string) => {
    if (typeof seen === "string") walk.skipped.push({ relative, reason: seen });
    else found.push({ relative, ...seen });
  };
  const waiting = walk.candidates.values();
  await lookOneByOne(walk, waiting, rules, place);
  const lookThrough = async () => {
    for (const relative of waiting) place(relative, await lookInto(below(walk.root, relative), rules));
  };
  await Promise.all(Array.from({ length: lookahead }, lookThrough)); // of a disk that is far away: many at once
  return found;
}

/** Files that are looked at in one go; then others have a turn, a stop signal among them. */
const atOnce = 64;
/** A disk that takes longer for a file is far away. */
const nearbyMilliseconds = 0.5;

/** Of a disk nearby the thread pool takes eight times as long as the looking itself. Ends early where the disk is far away. */
async function lookOneByOne(
  { root }: Walk,
  waiting: Iterator<Buffer>,
  rules: SampleRules,
  place: (relative: Buffer, seen: FileFacts | string) => void,
): Promise<void> {
  for (;;) {
    const startedAt = performance.now();
    for (let count = 0; count < atOnce; count++) {
      const { value: relative, done } = waiting.next();
      if (done) return;
      const path = below(root, relative);
      place(relative, lookNow(path) ?? (await lookInto(path, rules)));
    }
    if (performance.now() - startedAt > atOnce * nearbyMilliseconds) return;
    await nextTurn();
  }
}

function withoutStrays(found: FoundFile[], { skipped }: Walk): FoundFile[] {
  const [strays, inside] = [found.filter(isLoose), found.filter((file) => !isLoose(file))];
  const classes = new Set(inside.map(({ relative }) => relative.toString("latin1", 0, relative.indexOf(0x2f))));
  if (classes.size < 2 || strays.length > greatestStrayShare * found.length) return found;
  for (const { relative } of strays) skipped.push({ relative, reason: "a picture beside the class folders" });
  return inside;
}

const isLoose = ({ relative }: FoundFile): boolean => !relative.includes(0x2f);

/** Size and time of a picture, or the reason why the file is none. */
export async function lookInto(path: Uint8Array, rules: SampleRules): Promise<FileFacts | string> {
  try {
    const file = await open(Buffer.from(path), readOnly);
    try {
      const stats = await file.stat();
      const seen = firstLook(stats, stats.isFile() ? await readAt(file, 0, sniffedBytes) : noBytes);
      if (seen !== undefined) return seen;
      const samples = await tiffSamples((offset, length) => readAt(file, offset, length));
      return (samples && undeclared(samples, rules)) ?? factsOf(stats);
    } finally {
      await file.close();
    }
  } catch (cause) {
    return `cannot be read (${codeOf(cause)})`;
  }
}

/** The same without waiting; undefined for a TIFF, whose samples decide. */
function lookNow(path: Buffer): FileFacts | string | undefined {
  try {
    const file = openSync(path, readOnly);
    try {
      const stats = fstatSync(file);
      const head = Buffer.alloc(sniffedBytes);
      return firstLook(stats, stats.isFile() ? head.subarray(0, readSync(file, head, 0, sniffedBytes, 0)) : noBytes);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    return `cannot be read (${codeOf(cause)})`;
  }
}

const readOnly = constants.O_RDONLY | constants.O_NONBLOCK;
const noBytes = Buffer.alloc(0);

function firstLook(stats: Stats, head: Buffer): FileFacts | string | undefined {
  if (!stats.isFile()) return "no regular file";
  const type = imageType(head);
  if (type === undefined) return whyNotAnImage(head);
  return type === "tiff" ? undefined : factsOf(stats);
}

const factsOf = ({ size, mtimeMs }: Stats): FileFacts => ({ bytes: size, modifiedSeconds: Math.floor(mtimeMs / 1000) });

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

/** Labels by first-level sub-folder, in byte-wise order of the folders; none where pictures lie in the root itself. */
function folderLabels(found: readonly FoundFile[]): { labels?: Int32Array; classes?: readonly string[] } {
  const parents = found.map(({ relative }) => {
    const slash = relative.indexOf(0x2f);
    return slash < 0 ? undefined : relative.toString("latin1", 0, slash); // latin1 keeps every byte apart
  });
  if (parents.includes(undefined)) return {};
  const classes = [...new Set(parents as string[])]; // in order, because the files are
  const labelOf = new Map(classes.map((parent, label) => [parent, label]));
  return {
    labels: Int32Array.from(parents, (parent) => labelOf.get(parent!)!),
    classes: classes.map((parent) => nameOfBytes(Buffer.from(parent, "latin1"))),
  };
}

/** Why an empty dataset is refused: where was looked, what is accepted, and what was found instead. */
function noPictures(root: string, skipped: readonly SkippedFile[]): SelfsightError {
  const others = `but ${skipped.length} other files or folders: ${listedByReason(skipped)}`;
  return new SelfsightError(
    "data",
    `opening ${displayName(root)}: no pictures, ${skipped.length === 0 ? "nothing found" : others}; ${acceptedTypes} are read, in ` +
      "sub-folders too; point to a folder that holds some.",
  );
}

function unreadableRoot(root: Buffer, cause: unknown): SelfsightError {
  const message = `opening ${displayName(root)}: the folder cannot be read (${codeOf(cause)}); check its permissions.`;
  return new SelfsightError("data", message, { cause });
}

function specialKind(entry: Dirent<Buffer>): string {
  if (entry.isFIFO()) return "FIFO, never opened";
  if (entry.isSocket()) return "socket, never opened";
  return "device or unknown kind, never opened";
}

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);

const below = (folder: Buffer, name: Buffer): Buffer =>
  folder.length === 0 ? name : Buffer.concat([folder, Buffer.from("/"), name]);
