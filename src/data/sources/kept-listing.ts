// A listing of very many pictures is kept in the user's cache: the next time only the folders are looked at, and a few files.
// N pictures, F folders
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../../setup/cache.mjs";
import { writeFileDurably } from "../../files.ts";
import { keyedPermutation } from "../../random.ts";
import type { ImageFolder, SampleRules } from "../dataset.ts";
import { below, type PackedFiles, relativePath } from "../packed-files.ts";
import { factsOf } from "./look.ts";
import type { FolderStamp, Walk, WalkedFolder } from "./walk.ts";

/** What is known of a folder's pictures once each was looked into. */
export interface Listing extends Pick<ImageFolder, "labels" | "classes" | "fingerprint" | "skipped"> {
  files: PackedFiles;
}

/** Fewer pictures are listed in about a second. */
const fewestPictures = 100_000;
/** Beyond this the list of what is no picture would weigh more than the rest. */
const mostSkipped = 10_000;
/** Listings in the cache; the one that was used longest ago goes first. */
const mostListings = 8;
/** Files whose size and time are compared before a listing is believed: a folder does not show that its files were written over. */
const sampledFiles = 256;
const version = 1;

interface Header {
  version: number;
  classes: Listing["classes"] | null;
  fingerprint: string;
  skipped: Listing["skipped"];
  /** Bytes of each block that follows. */
  sizes: number[];
}

const folderOfListings = (): string => cacheFolder("listings");

function pathOf(root: string, { range, bands }: SampleRules): string {
  const key = JSON.stringify([realpathSync(root), range, bands]);
  return join(folderOfListings(), `${createHash("sha256").update(key).digest("hex").slice(0, 32)}.bin`);
}

/** The listing of `root`, where one is kept and no folder below has changed since; undefined where there is none. */
export function keptListing(root: string, rules: SampleRules): Listing | undefined {
  try {
    const path = pathOf(root, rules);
    const { header, blocks } = readBlocks(path);
    const listing = listingFrom(root, header, blocks);
    if (!areUnchanged(listing.files.root, blocks) || !isSampleUnchanged(listing.files)) return undefined;
    utimesSync(path, new Date(), new Date());
    return listing;
  } catch {
    return undefined; // none, damaged or of another version: the folder itself is there
  }
}

/** Keeps the listing for the next time; where that cannot be, the next time takes as long as this one. */
export function keepListing(root: string, rules: SampleRules, walk: Walk, listing: Listing): void {
  const { files, skipped } = listing;
  if (files.ends.length < fewestPictures || skipped.length > mostSkipped || walk.isFresh) return;
  try {
    mkdirSync(folderOfListings(), { recursive: true });
    writeFileDurably(pathOf(root, rules), withDigest(blocksOf(listing, walk.folders)));
    removeOldest();
  } catch {
    // a cache that cannot be written is no cache
  }
}

function removeOldest(): void {
  const listings = readdirSync(folderOfListings()).filter((name) => name.endsWith(".bin"));
  const paths = listings.map((name) => join(folderOfListings(), name));
  const byUse = paths.map((path) => ({ path, usedAt: statSync(path).mtimeMs })).sort((a, b) => b.usedAt - a.usedAt);
  for (const { path } of byUse.slice(mostListings)) rmSync(path, { force: true });
}

/** The blocks of a file in their order. */
const blockNames = ["names", "ends", "bytes", "modifiedSeconds", "labels", "folders", "folderEnds", "stamps"] as const;
type Blocks = Record<(typeof blockNames)[number], Buffer>;

function blocksOf({ files, labels, classes, fingerprint, skipped }: Listing, folders: WalkedFolder[]): Buffer[] {
  let end = 0;
  const blocks: Blocks = {
    names: files.names,
    ends: bytesOf(files.ends),
    bytes: bytesOf(files.bytes),
    modifiedSeconds: bytesOf(files.modifiedSeconds),
    labels: bytesOf(labels ?? new Int32Array(0)),
    folders: Buffer.concat(folders.map(({ relative }) => relative)),
    folderEnds: bytesOf(Float64Array.from(folders, ({ relative }) => (end += relative.length))),
    stamps: bytesOf(BigInt64Array.from(folders.flatMap(({ stamp }) => stampNumbers(stamp)))), // [F, 4]
  };
  const ordered = blockNames.map((name) => blocks[name]);
  const sizes = ordered.map(({ length }) => length);
  const header: Header = { version, classes: classes ?? null, fingerprint, skipped, sizes };
  return [Buffer.from(`${JSON.stringify(header)}\n`), ...ordered];
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

const stampNumbers = ({ dev, ino, mtimeNs, ctimeNs }: FolderStamp): bigint[] =>
  [dev, ino, mtimeNs, ctimeNs].map((number) => BigInt.asIntN(64, number));

const digestBytes = 32;

function withDigest(parts: readonly Buffer[]): Buffer[] {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return [hash.digest(), ...parts];
}

function readBlocks(path: string): { header: Header; blocks: Blocks } {
  const file = readFileSync(path);
  const rest = file.subarray(digestBytes);
  if (!createHash("sha256").update(rest).digest().equals(file.subarray(0, digestBytes))) throw new Error("damaged");
  let at = rest.indexOf("\n") + 1;
  const header = JSON.parse(rest.toString("utf8", 0, at)) as Header;
  if (header.version !== version) throw new Error("of another version");
  const blocks = blockNames.map((name, i) => {
    const start = at;
    at += header.sizes[i]!;
    return [name, rest.subarray(start, at)];
  });
  return { header, blocks: Object.fromEntries(blocks) };
}

/** A copy, because numbers must lie at a multiple of their size. */
const aligned = (block: Buffer): ArrayBuffer => new Uint8Array(block).buffer;

function listingFrom(root: string, { classes, fingerprint, skipped }: Header, blocks: Blocks): Listing {
  const files: PackedFiles = {
    root: Buffer.from(root),
    names: blocks.names,
    ends: new Float64Array(aligned(blocks.ends)),
    bytes: new Float64Array(aligned(blocks.bytes)),
    modifiedSeconds: new Float64Array(aligned(blocks.modifiedSeconds)),
  };
  const labels = classes && { labels: new Int32Array(aligned(blocks.labels)), classes };
  return { files, ...labels, fingerprint, skipped };
}

function areUnchanged(root: Buffer, { folders, folderEnds, stamps }: Blocks): boolean {
  const ends = new Float64Array(aligned(folderEnds));
  const kept = new BigInt64Array(aligned(stamps)); // [F, 4]
  return ends.every((_, index) => {
    const now = statSync(below(root, relativePath({ names: folders, ends }, index)), { bigint: true });
    return stampNumbers(now).every((number, place) => number === kept[4 * index + place]);
  });
}

/** The same files whenever one folder is asked for: what was written over is found by many, not by chance of the day. */
function isSampleUnchanged(files: PackedFiles): boolean {
  const places = keyedPermutation(files.ends.length, 0).subarray(0, sampledFiles);
  return places.every((place) => {
    const { bytes, modifiedSeconds } = factsOf(statSync(below(files.root, relativePath(files, place))));
    return bytes === files.bytes[place] && modifiedSeconds === files.modifiedSeconds[place];
  });
}
