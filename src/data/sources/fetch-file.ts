// Fetches one file: checked, with bounded retries, and going on where an earlier attempt (of any process) ended. What has come of a file
// lies beside its target under a name that holds the server's mark of that version (ETag or time), so two versions are never glued
// together, and two processes that fetch one version write the same bytes to the same places.
import { createHash, randomBytes } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SelfsightError } from "../../errors.ts";

/** A file in the net and what is published to check it by: a whole digest, or as many of its first digits as are known. */
export interface FetchedFile {
  url: string;
  md5?: string | undefined;
  sha256?: string | undefined;
}

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

export interface FetchOptions extends DownloadOptions {
  /** A server that sends more is not the one that is meant. */
  maximumBytes: number;
  /** What a person can do where it fails, behind the reason. */
  advice: string;
}

/** Attempts without a single byte gained. */
const attempts = 3;
const allAttempts = 50;
const redirects = 5;

/** Brings a file to `target`. Errors: data, naming the address without its query and the reason. */
export async function fetchFile(file: FetchedFile, target: string, options: FetchOptions): Promise<void> {
  for (let failures = 0, all = 1; ; all++) {
    const before = await sizeOfPart(target);
    if (all > 1 && (await isThere(target))) return; // another process was quicker
    try {
      return await fetchOnce(file, target, options);
    } catch (cause) {
      if (isOfSystem(cause)) throw cause;
      failures = (await sizeOfPart(target)) > before ? 1 : failures + 1;
      if (cause instanceof FinalFault || failures === attempts || all === allAttempts)
        throw downloadError(file, cause, options);
      await sleep(1000 * (options.retrySeconds ?? 1) * 2 ** (failures - 1));
    }
  }
}

/** A fault that another attempt would meet again. */
class FinalFault extends Error {}

/** The disk's faults are the caller's to tell, and no attempt mends them. */
const isOfSystem = (cause: unknown): boolean =>
  ["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENOENT", "ENOTDIR"].includes(
    (cause as NodeJS.ErrnoException).code ?? "",
  );

const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

async function fetchOnce(file: FetchedFile, target: string, options: FetchOptions): Promise<void> {
  const stall = new AbortController();
  const stallSeconds = options.stallSeconds ?? 30;
  const giveUp = () => stall.abort(new Error(`nothing received for ${stallSeconds} s`));
  const timer = setTimeout(giveUp, 1000 * stallSeconds);
  try {
    const known = await partOf(target);
    const response = await request(file.url, known, stall.signal);
    const part = await partFor(target, known, response);
    await receive(file, response, part, { ...options, onBytes: () => timer.refresh() }).catch(forgetUnmarked(part));
    await keepWhole(file, part, target);
  } finally {
    clearTimeout(timer);
  }
}

// ---- what has come so far ----

interface Part {
  path: string;
  /** What the server called this version; undefined where it did not, so that nothing can be added to it later. */
  mark: string | undefined;
  size: number;
}

const ending = ".part";

async function partOf(target: string): Promise<Part | undefined> {
  const folder = dirname(target);
  const opening = `${basename(target)}.`;
  const names = await readdir(folder).catch(() => []);
  const name = names.find(
    (each) => each.startsWith(opening) && each.endsWith(ending) && !each.startsWith(`${opening}~`),
  );
  if (name === undefined) return undefined;
  const path = join(folder, name);
  const mark = Buffer.from(name.slice(opening.length, -ending.length), "base64url").toString();
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  return size > 0 ? { path, mark, size } : undefined;
}

const sizeOfPart = async (target: string): Promise<number> => (await partOf(target))?.size ?? 0;

/** The part that the answer continues, or a new one where it begins anew. Errors: for a piece that was not asked for. */
async function partFor(target: string, known: Part | undefined, response: Response): Promise<Part> {
  const isRest = response.status === 206;
  if (known && isRest && response.headers.get("content-range")?.startsWith(`bytes ${known.size}-`)) return known;
  if (known) await rm(known.path, { force: true });
  if (isRest || response.status === 416) throw new Error("the server answered with another piece than was asked for");
  const mark = markOf(response);
  const label =
    mark === undefined ? `~${process.pid}-${randomBytes(4).toString("hex")}` : Buffer.from(mark).toString("base64url");
  return { path: `${target}.${label}${ending}`, mark, size: 0 };
}

/** A mark that `If-Range` takes and a file name has room for. */
function markOf({ headers }: Response): string | undefined {
  const tag = headers.get("etag");
  const mark = tag && !tag.startsWith("W/") ? tag : headers.get("last-modified");
  return mark && mark.length <= 100 ? mark : undefined;
}

const forgetUnmarked =
  ({ path, mark }: Part) =>
  async (cause: unknown): Promise<never> => {
    if (mark === undefined) await rm(path, { force: true }).catch(() => {}); // the fault that led here is the one to tell
    throw cause;
  };

// ---- the conversation ----

/** Follows redirects one by one: none to an address that is not encrypted, none from a public name into this machine or its network. */
async function request(url: string, known: Part | undefined, signal: AbortSignal): Promise<Response> {
  const headers = {
    "accept-encoding": "identity",
    ...(known?.mark !== undefined && { range: `bytes=${known.size}-`, "if-range": known.mark }),
  };
  let at = new URL(url);
  if (at.username || at.password) throw new FinalFault("a name or password stands in the address, which is not sent");
  for (let hop = 0; hop <= redirects; hop++) {
    const response = await fetch(at, { signal, headers, redirect: "manual" });
    const next = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || next === null) return checked(response);
    await response.body?.cancel();
    at = redirected(at, next);
  }
  throw new FinalFault(`it was redirected more than ${redirects} times`);
}

function redirected(from: URL, location: string): URL {
  const to = new URL(location, from);
  if (from.protocol === "https:" && to.protocol !== "https:")
    throw new FinalFault(`it was redirected to ${plain(to)}, which is not encrypted`);
  if (!/^https?:$/.test(to.protocol) || (isNear(to.hostname) && !isNear(from.hostname)))
    throw new FinalFault(`it was redirected to ${plain(to)}, which lies in this machine's own network`);
  return to;
}

/** This machine and what is wired to it. */
const isNear = (host: string): boolean =>
  /^(localhost|.*\.localhost|0\.|127\.|10\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[(::|f[cd]|fe[89ab]))/i.test(
    host,
  );

function checked(response: Response): Response {
  if (response.ok || response.status === 416) return response;
  const reason = `the server answered ${response.status} ${response.statusText}`;
  const mayPass = response.status === 429 || response.status >= 500;
  throw mayPass ? new Error(reason) : new FinalFault(reason);
}

interface Receiving extends FetchOptions {
  onBytes(): void;
}

/** Writes what comes behind what is there. */
async function receive(file: FetchedFile, response: Response, part: Part, receiving: Receiving): Promise<void> {
  const declared = response.headers.get("content-length");
  const totalBytes = declared === null ? undefined : part.size + Number(declared);
  const handle = await openPart(part);
  let receivedBytes = part.size;
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      if (receivedBytes + chunk.length > receiving.maximumBytes)
        throw new FinalFault(`more than ${receiving.maximumBytes} bytes came`);
      await writeAt(handle, chunk, receivedBytes);
      receivedBytes += chunk.length;
      receiving.onBytes();
      receiving.onProgress?.({ file: basename(new URL(file.url).pathname), receivedBytes, totalBytes });
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (totalBytes !== undefined && !response.headers.has("content-encoding") && receivedBytes !== totalBytes)
    throw new Error(`${receivedBytes} of ${totalBytes} bytes came`);
}

/** Where a part is to be continued and another process has made it whole in between, nothing is made in its place. */
const openPart = ({ path, size }: Part): Promise<FileHandle> =>
  open(path, constants.O_WRONLY | (size > 0 ? 0 : constants.O_CREAT), 0o666).catch((cause: NodeJS.ErrnoException) => {
    throw size > 0 && cause.code === "ENOENT" ? new Error("what had come of it is gone", { cause }) : cause;
  });

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** A whole file takes its name; a damaged one is thrown away. */
async function keepWhole(file: FetchedFile, { path }: Part, target: string): Promise<void> {
  try {
    const fault = await digestFault(path, file);
    if (fault === undefined) return await rename(path, target);
    await rm(path, { force: true });
    throw new Error(fault);
  } catch (cause) {
    const isGone = (cause as NodeJS.ErrnoException).code === "ENOENT";
    if (!isGone || !(await isThere(target))) throw cause; // another process has it in place already
  }
}

/** What is wrong with a file's digests, or undefined. */
export async function digestFault(
  path: string,
  { md5, sha256 }: Omit<FetchedFile, "url">,
): Promise<string | undefined> {
  for (const [name, wanted] of Object.entries({ md5, sha256 })) {
    const found = wanted === undefined ? "" : await digestOf(path, name);
    if (wanted !== undefined && !found.startsWith(wanted.toLowerCase()))
      return `its ${name} is ${found}; ${wanted}${wanted.length < found.length ? "..." : ""} is needed`;
  }
  return undefined;
}

/** Hexadecimal. */
export async function digestOf(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Uint8Array);
  return hash.digest("hex");
}

// ---- in words ----

function downloadError(file: FetchedFile, cause: unknown, { advice }: FetchOptions): SelfsightError {
  return new SelfsightError("data", `downloading ${plain(new URL(file.url))}: ${reasonOf(cause)}; ${advice}`, {
    cause,
  });
}

/** Without name, password and query, which may be secrets. */
const plain = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

/** The innermost message: fetch says only "fetch failed" and hides the reason in its cause. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? reasonOf(cause.cause) : cause.message || cause.name;
}
