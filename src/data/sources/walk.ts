// Finds the files below a folder and looks into each. Links cannot lead in circles, and what is kept of a file is packed: a
// million of them are walked in little more memory than their names take.
import type { BigIntStats, Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { displayName, SelfsightError } from "../../errors.ts";
import type { SampleRules } from "../dataset.ts";
import { below, relativePath } from "../packed-files.ts";
import { codeOf, type FileFacts, lookInto, lookNow } from "./look.ts";

/** A folder that was read. */
export interface WalkedFolder {
  /** Its path below the root. */
  relative: Buffer;
  /** The names of its files in byte-wise order, one after the other; `ends` says where each of them ends. */
  names: Buffer;
  ends: Float64Array;
  /** Of each file; NaN where it is no picture. */
  bytes: Float64Array;
  modifiedSeconds: Float64Array;
  folders: WalkedFolder[];
  /** What of it would change if an entry came, went or took another name. */
  stamp: FolderStamp;
}

export type FolderStamp = Pick<BigIntStats, "dev" | "ino" | "mtimeNs" | "ctimeNs">;

export interface Walk {
  root: Buffer;
  whole: WalkedFolder;
  /** Every folder that was read, the root among them. */
  folders: WalkedFolder[];
  skipped: { relative: Buffer; reason: string }[];
  /** Whether a folder was so young when it was read that a change right after might not show in its time. */
  isFresh: boolean;
}

interface Walking extends Walk {
  /** Folders that wait to be read, each with the one that it lies in. */
  waiting: { relative: Buffer; parent: WalkedFolder | undefined }[];
  /** Links to folders, followed after every real folder has been read under its own name. */
  links: { relative: Buffer; parent: WalkedFolder }[];
  visited: Set<string>; // device and inode of each folder that was read
}

/** Files looked at side by side; enough to keep a slow disk busy. */
const lookahead = 32;

/** A change within this time of another may leave the time of a folder as it was. */
const coarsestClockNs = 2_000_000_000n;

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

const isHiddenName = (name: string): boolean => name.startsWith(".");
const isSystemFolder = (name: string): boolean => systemFolders.includes(name.toLowerCase());

/** Whether a sub-folder of this name is never read. */
export const isPassedOver = (name: string): boolean => isHiddenName(name) || isSystemFolder(name);

/** Reads every folder below `root` and looks into every file there. Errors: data, where the root cannot be read. */
export async function walkFolder(root: Buffer, rules: SampleRules): Promise<Walk> {
  const whole = emptyFolder(Buffer.alloc(0));
  const first = { relative: whole.relative, parent: undefined };
  const common = { folders: [], skipped: [], isFresh: false, links: [], visited: new Set<string>() };
  const walk: Walking = { root, whole, ...common, waiting: [first] };
  while (walk.waiting.length > 0 || walk.links.length > 0) {
    const next = walk.waiting.pop();
    if (next) await readFolder(walk, next.relative, next.parent);
    else await followLinks(walk);
  }
  for (const { folders } of walk.folders) folders.sort((a, b) => Buffer.compare(asFolder(a), asFolder(b)));
  await lookIntoAll(walk, rules);
  return walk;
}

const emptyFolder = (relative: Buffer): WalkedFolder => ({
  relative,
  ...packedNames([]),
  folders: [],
  stamp: { dev: 0n, ino: 0n, mtimeNs: 0n, ctimeNs: 0n },
});

function packedNames(names: Buffer[]): Pick<WalkedFolder, "names" | "ends" | "bytes" | "modifiedSeconds"> {
  let end = 0;
  const ends = Float64Array.from(names.sort(Buffer.compare), ({ length }) => (end += length));
  const [bytes, modifiedSeconds] = [new Float64Array(names.length).fill(Number.NaN), new Float64Array(names.length)];
  return { names: Buffer.concat(names), ends, bytes, modifiedSeconds };
}

/** Folders stand among files as if a slash belonged to their names: so the order is that of whole paths. */
export const asFolder = ({ relative }: WalkedFolder): Buffer => Buffer.concat([relative, Buffer.from("/")]);

/** Sorts the entries of one folder into files, links, sub-folders and skipped. */
async function readFolder(walk: Walking, relative: Buffer, parent: WalkedFolder | undefined): Promise<void> {
  const path = below(walk.root, relative);
  const folder = parent ? emptyFolder(relative) : walk.whole;
  try {
    folder.stamp = await stat(path, { bigint: true });
    walk.visited.add(identity(folder.stamp));
    walk.isFresh ||= folder.stamp.mtimeNs > BigInt(Date.now()) * 1_000_000n - coarsestClockNs;
    const names: Buffer[] = [];
    for (const entry of await readdir(path, { withFileTypes: true, encoding: "buffer" }))
      if (await isFileThere(walk, folder, entry)) names.push(entry.name);
    Object.assign(folder, packedNames(names));
    parent?.folders.push(folder);
    walk.folders.push(folder);
  } catch (cause) {
    if (!parent) throw unreadableRoot(walk.root, cause);
    walk.skipped.push({ relative, reason: `folder cannot be read (${codeOf(cause)})` });
  }
}

const identity = ({ dev, ino }: Pick<FolderStamp, "dev" | "ino">): string => `${dev}:${ino}`;

/** Whether the entry is a file, or a link to one; whatever else it is finds its place in the walk. */
async function isFileThere(walk: Walking, folder: WalkedFolder, entry: Dirent<Buffer>): Promise<boolean> {
  const relative = below(folder.relative, entry.name);
  const isHidden = isHiddenName(entry.name.toString("latin1"));
  const skip = (reason: string) => void walk.skipped.push({ relative, reason });
  if (entry.isFile() && !isHidden) return true;
  if (entry.isSymbolicLink()) return isLinkToFile(walk, folder, relative);
  if (entry.isFile()) skip("hidden file");
  else if (!entry.isDirectory()) skip(specialKind(entry));
  else if (isHidden) skip("hidden folder");
  else if (isSystemFolder(entry.name.toString())) skip("folder of the system");
  else walk.waiting.push({ relative, parent: folder });
  return false;
}

/** Links to files count as files, wherever they lead. */
async function isLinkToFile(walk: Walking, parent: WalkedFolder, relative: Buffer): Promise<boolean> {
  const target = await stat(below(walk.root, relative)).catch((cause: unknown) => codeOf(cause));
  if (typeof target !== "string" && target.isDirectory()) walk.links.push({ relative, parent });
  else if (typeof target === "string") walk.skipped.push({ relative, reason: `link leads nowhere (${target})` });
  else if (!target.isFile()) walk.skipped.push({ relative, reason: "link to something that is no file" });
  else return true;
  return false;
}

/** Links to folders are read once, and not when read already. */
async function followLinks(walk: Walking): Promise<void> {
  for (const { relative, parent } of walk.links.splice(0).sort((a, b) => Buffer.compare(a.relative, b.relative))) {
    const target = await stat(below(walk.root, relative), { bigint: true }).catch((cause: unknown) => codeOf(cause));
    if (typeof target === "string") walk.skipped.push({ relative, reason: `link leads nowhere (${target})` });
    else if (walk.visited.has(identity(target)))
      walk.skipped.push({ relative, reason: "link to a folder that is read already" });
    else {
      walk.visited.add(identity(target));
      walk.waiting.push({ relative, parent });
    }
  }
}

/** One file of a folder. */
interface Place {
  folder: WalkedFolder;
  index: number;
}

function* everyPlace(folders: readonly WalkedFolder[]): Generator<Place> {
  for (const folder of folders) for (let index = 0; index < folder.ends.length; index++) yield { folder, index };
}

const pathAt = ({ folder, index }: Place): Buffer => below(folder.relative, relativePath(folder, index));

/** Looks into every file; sizes and times of pictures are kept, the rest joins the skipped. */
async function lookIntoAll(walk: Walk, rules: SampleRules): Promise<void> {
  const keep = (place: Place, seen: FileFacts | string) => {
    if (typeof seen === "string") walk.skipped.push({ relative: pathAt(place), reason: seen });
    else {
      place.folder.bytes[place.index] = seen.bytes;
      place.folder.modifiedSeconds[place.index] = seen.modifiedSeconds;
    }
  };
  const waiting = everyPlace(walk.folders);
  await lookOneByOne(walk, waiting, rules, keep);
  const lookThrough = async () => {
    for (;;) {
      const { value: place, done } = waiting.next();
      if (done) return;
      keep(place, await lookInto(below(walk.root, pathAt(place)), rules));
    }
  };
  await Promise.all(Array.from({ length: lookahead }, lookThrough)); // of a disk that is far away: many at once
}

/** Files that are looked at in one go; then others have a turn, a stop signal among them. */
const atOnce = 64;
/** A disk that takes longer for a file is far away. */
const nearbyMilliseconds = 0.5;

/** Of a disk nearby the thread pool takes eight times as long as the looking itself. Ends early where the disk is far away. */
async function lookOneByOne(
  { root }: Walk,
  waiting: Iterator<Place>,
  rules: SampleRules,
  keep: (place: Place, seen: FileFacts | string) => void,
): Promise<void> {
  for (;;) {
    const startedAt = performance.now();
    for (let count = 0; count < atOnce; count++) {
      const { value: place, done } = waiting.next();
      if (done) return;
      const path = below(root, pathAt(place));
      keep(place, lookNow(path) ?? (await lookInto(path, rules)));
    }
    if (performance.now() - startedAt > atOnce * nearbyMilliseconds) return;
    await nextTurn();
  }
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
