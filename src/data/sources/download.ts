// Fetches a known dataset from its home into the cache: checked by its md5, written beside and renamed, so that a cache
// folder is either whole or not there.
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { displayName, SelfsightError } from "../../errors.ts";
import { entriesOf, type KnownDataset, type RemoteFile } from "./known.ts";
import { regularFiles } from "./tar.ts";

export interface DownloadProgress {
  file: string;
  receivedBytes: number;
  /** As the server declares it; undefined where it does not. */
  totalBytes: number | undefined;
}

export type OnProgress = (progress: DownloadProgress) => void;

export interface DownloadOptions {
  onProgress?: OnProgress | undefined;
  /** Given up when the server sends nothing for so long. Default 30. */
  stallSeconds?: number;
  /** Waited before the second attempt, doubled before the third. Default 1. */
  retrySeconds?: number;
}

const attempts = 3;
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
    for (const file of known.home) await fetchFile(file, partial, options);
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

async function fetchFile(file: RemoteFile, folder: string, options: DownloadOptions): Promise<void> {
  const target = join(folder, basename(new URL(file.url).pathname));
  await fetchWithRetries(file, target, options);
  if (!file.members) return;
  const unpacked = createReadStream(target).pipe(createGunzip());
  for await (const { name, bytes } of regularFiles(unpacked, target, maximumMemberBytes)) {
    const label = basename(name); // a member's path is never used as one
    if (file.members.includes(label)) await writeWhole(join(folder, label), [bytes]);
  }
  await rm(target);
}

/** Tries again where the fault may pass: a broken connection, a busy server, a damaged copy. */
async function fetchWithRetries(file: RemoteFile, target: string, options: DownloadOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(file, target, options);
    } catch (cause) {
      if (cause instanceof FinalFault || attempt === attempts) throw downloadError(file, cause);
      await sleep(1000 * (options.retrySeconds ?? 1) * 2 ** (attempt - 1));
    }
  }
}

/** A fault that another attempt would meet again. */
class FinalFault extends Error {}

async function fetchOnce(file: RemoteFile, target: string, options: DownloadOptions): Promise<void> {
  const stall = new AbortController();
  const stallSeconds = options.stallSeconds ?? 30;
  const giveUp = () => stall.abort(new Error(`nothing received for ${stallSeconds} s`));
  const timer = setTimeout(giveUp, 1000 * stallSeconds);
  try {
    const response = await fetch(file.url, { signal: stall.signal });
    checkResponse(file, response);
    const md5 = createHash("md5");
    await writeWhole(target, received(file, response, { ...options, md5, onBytes: () => timer.refresh() }));
    const found = md5.digest("hex");
    if (found !== file.md5) throw new Error(`its md5 is ${found}; ${file.md5} is needed`);
  } finally {
    clearTimeout(timer);
  }
}

function checkResponse(file: RemoteFile, response: Response): void {
  if (file.url.startsWith("https:") && !response.url.startsWith("https:"))
    throw new FinalFault(`it was redirected to ${response.url}, which is not encrypted`);
  if (response.ok) return;
  const reason = `the server answered ${response.status} ${response.statusText}`;
  const mayPass = response.status === 429 || response.status >= 500;
  throw mayPass ? new Error(reason) : new FinalFault(reason);
}

interface Receiving extends DownloadOptions {
  md5: ReturnType<typeof createHash>;
  onBytes(): void;
}

async function* received(file: RemoteFile, response: Response, receiving: Receiving): AsyncGenerator<Uint8Array> {
  const declared = response.headers.get("content-length");
  const totalBytes = declared === null ? undefined : Number(declared);
  let receivedBytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    receivedBytes += chunk.length;
    if (receivedBytes > maximumBytes) throw new FinalFault(`more than ${maximumBytes} bytes came`);
    receiving.onBytes();
    receiving.md5.update(chunk);
    receiving.onProgress?.({ file: basename(file.url), receivedBytes, totalBytes });
    yield chunk;
  }
  if (totalBytes !== undefined && !response.headers.has("content-encoding") && receivedBytes !== totalBytes)
    throw new Error(`${receivedBytes} of ${totalBytes} bytes came`);
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

function downloadError(file: RemoteFile, cause: unknown): SelfsightError {
  return new SelfsightError(
    "data",
    `downloading ${file.url}: ${reasonOf(cause)}; check the connection, or fetch the file elsewhere, unpack it and set ` +
      "SELFSIGHT_DATA to the folder that holds it.",
    { cause },
  );
}

function storageError(known: KnownDataset, cache: string, cause: unknown): SelfsightError {
  return new SelfsightError(
    "storage",
    `storing ${known.name} in ${displayName(cache)}: ${reasonOf(cause)}; room and permission to write are needed; set ` +
      "XDG_CACHE_HOME to another folder.",
    { cause },
  );
}

/** The innermost message: fetch says only "fetch failed" and hides the reason in its cause. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? reasonOf(cause.cause) : cause.message || cause.name;
}
