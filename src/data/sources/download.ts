// Fetches a known dataset from its home into the cache: checked by its md5, written beside and renamed, so that a cache
// folder is either whole or not there.
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createGunzip } from "node:zlib";
import { displayName, SelfsightError } from "../../errors.ts";
import { regularFiles } from "../archives/tar-stream.ts";
import { type DownloadOptions, fetchFile, reasonOf } from "./fetch-file.ts";
import { entriesOf, type KnownDataset, type RemoteFile } from "./known.ts";

/** The largest of the known files has 162 MiB; a server that sends more is not the home we know. */
const maximumBytes = 1024 ** 3;
/** CIFAR-100's train.bin has 147 MiB. */
const maximumMemberBytes = 256 * 1024 ** 2;

/** Downloads a known dataset into `cache` and returns its folder. */
export async function downloadKnown(
  known: KnownDataset,
  cache: string,
  options: DownloadOptions = {},
): Promise<string> {
  const folder = join(cache, known.folders[0]!);
  const partial = `${folder}.partial-${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(partial, { recursive: true });
    for (const file of known.home) await fetchAndUnpack(file, partial, options);
    await syncFolder(partial);
    await moveIntoPlace(partial, folder, known);
    return folder;
  } catch (cause) {
    throw cause instanceof SelfsightError ? cause : storageError(known, cache, cause);
  } finally {
    await rm(partial, { recursive: true, force: true }).catch(() => {}); // the fault that led here is the one to tell
  }
}

/** Two processes may fill the cache at once; the second finds the first one's folder and uses it. */
async function moveIntoPlace(partial: string, folder: string, known: KnownDataset): Promise<void> {
  await rename(partial, folder).catch(async (cause) => {
    if (!known.isHeldBy(await entriesOf(folder))) throw cause;
  });
  await syncFolder(dirname(folder));
}

const advice =
  "check the connection, or fetch the file elsewhere, unpack it and set SELFSIGHT_DATA to the folder that holds it.";

async function fetchAndUnpack(file: RemoteFile, folder: string, options: DownloadOptions): Promise<void> {
  const target = join(folder, basename(new URL(file.url).pathname));
  await fetchFile(file, target, { ...options, maximumBytes, advice });
  if (!file.members) return;
  const unpacked = createReadStream(target).pipe(createGunzip());
  for await (const { name, bytes } of regularFiles(unpacked, target, maximumMemberBytes)) {
    const label = basename(name); // a member's path is never used as one
    if (file.members.includes(label)) await writeWhole(join(folder, label), [bytes]);
  }
  await rm(target);
}

async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, "w");
  try {
    for await (const chunk of chunks) await file.writeFile(chunk); // at the handle's position, until all is written
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle: FileHandle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

function storageError(known: KnownDataset, cache: string, cause: unknown): SelfsightError {
  return new SelfsightError(
    "storage",
    `storing ${known.name} in ${displayName(cache)}: ${reasonOf(cause)}; room and permission to write are needed; set ` +
      "XDG_CACHE_HOME to another folder.",
    { cause },
  );
}
