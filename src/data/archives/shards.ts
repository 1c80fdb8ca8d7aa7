// Archives as one dataset: which of their members are pictures, and what is said of each.
import { basename } from "node:path";
import { constants, inflateRawSync } from "node:zlib";
import type { ReadingRules, SkippedFile } from "../dataset.ts";
import { imageType, sniffedBytes, whyNotAnImage } from "../decode/image-type.ts";
import { nameOfBytes } from "../picture-name.ts";
import { isPassedOver } from "../sources/walk.ts";
import {
  type Entry,
  imageFileOf,
  isMember,
  type Member,
  type OpenArchive,
  readAt,
  refusal,
  withArchive,
} from "./archive.ts";
import { folderOf, type Listed, type ListedPicture } from "./listed.ts";
import { parquetPictures } from "./parquet-pictures.ts";
import { tarMembers } from "./tar-members.ts";
import { zipMembers } from "./zip-members.ts";

/** The endings of what is read. */
export const shardEndings = [".tar", ".zip", ".parquet"] as const;

export const isShard = (path: string): boolean => shardEndings.some((ending) => path.toLowerCase().endsWith(ending));

export interface ShardSet {
  name: string;
  /** The folder that they lie in. */
  root: string;
  /** In the order in which their pictures come. */
  paths: readonly string[];
}

/** What the archives hold, part by part. Errors: data, for a damaged archive, and where there is no picture in any. */
export async function openShards({ name, root, paths }: ShardSet, rules: Partial<ReadingRules>) {
  const found: Listed[] = [];
  for (const path of paths) found.push(await picturesIn(path, paths.length > 1 ? `${basename(path)}/` : ""));
  const pictures = found.flatMap((one) => one.pictures);
  const skipped = found.flatMap((one) => one.skipped);
  return folderOf({ name, root, rules }, { pictures, skipped });
}

/** `shard` stands before the names. */
function picturesIn(path: string, shard: string): Promise<Listed> {
  const ending = path.toLowerCase();
  if (ending.endsWith(".parquet")) return parquetPictures(path, shard);
  const members = ending.endsWith(".zip") ? zipMembers : tarMembers;
  return withArchive(path, (archive) => sortOut(archive, members(archive), shard));
}

/** A class that stands beside a picture as `KEY.cls`, as in a WebDataset. */
const classEnding = ".cls";
const mostClassBytes = 256;

async function sortOut(archive: OpenArchive, entries: AsyncGenerator<Entry>, shard: string): Promise<Listed> {
  const pictures = new Map<string, { member: Member; key: string }>();
  const others: (SkippedFile & { key?: string })[] = [];
  const classes = new Map<string, string>();
  for await (const entry of entries) {
    const label = nameOfBytes(entry.name);
    const key = keyOf(label);
    const aside = isMember(entry) ? whyAside(entry, pictures.has(label)) : entry.reason;
    const reason = aside ?? (isMember(entry) ? await whyNoPicture(archive, entry) : undefined);
    if (isMember(entry) && reason === undefined) pictures.set(label, { member: entry, key });
    else if (reason !== "folder") others.push({ label: `${shard}${label}`, reason: reason!, ...(!aside && { key }) });
    if (isMember(entry) && label.endsWith(classEnding) && entry.bytes <= mostClassBytes && !entry.isDeflated)
      classes.set(key, (await readAt(archive, entry.offset, entry.bytes)).toString("utf8").trim());
  }
  const keys = new Set(Array.from(pictures.values(), ({ key }) => key));
  return {
    pictures: Array.from(pictures.values(), ({ member, key }) => pictureOf(archive, member, shard, classes.get(key))),
    skipped: others
      .filter(({ key }) => key === undefined || !keys.has(key))
      .map(({ label, reason }) => ({ label, reason })), // notes on pictures are no strays
  };
}

/** What the members of one sample share: the name up to its first dot. */
function keyOf(label: string): string {
  const name = label.lastIndexOf("/") + 1;
  const dot = label.indexOf(".", name + 1);
  return dot < 0 ? label : label.slice(0, dot);
}

function pictureOf(archive: OpenArchive, member: Member, shard: string, said: string | undefined): ListedPicture {
  const file = imageFileOf(archive, member, shard);
  const steps = nameOfBytes(member.name)
    .split("/")
    .filter((step) => step !== "" && step !== ".");
  return { file, part: shard.slice(0, -1), steps, ...(said !== undefined && { said: { name: said } }) };
}

/** What is not even looked into. */
function whyAside(member: Member, isTwin: boolean): string | undefined {
  const steps = member.name
    .toString("utf8")
    .split("/")
    .filter((step) => step !== "." && step !== "..");
  if (steps.slice(0, -1).some(isPassedOver)) return "hidden folder, or folder of the system";
  if (isPassedOver(steps.at(-1) ?? "")) return "hidden file";
  return isTwin ? "a name that its archive has twice" : undefined;
}

async function whyNoPicture(archive: OpenArchive, member: Member): Promise<string | undefined> {
  const head = await headOf(archive, member);
  return head === undefined
    ? "damaged in its archive"
    : imageType(head) === undefined
      ? whyNotAnImage(head)
      : undefined;
}

/** Enough of a deflated member to give its first bytes. */
const deflatedHead = 4096;

async function headOf(archive: OpenArchive, { offset, length, isDeflated }: Member): Promise<Buffer | undefined> {
  const start = await readAt(archive, offset, Math.min(length, isDeflated ? deflatedHead : sniffedBytes));
  if (!isDeflated) return start;
  try {
    return inflateRawSync(start, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, sniffedBytes);
  } catch {
    return undefined;
  }
}

export const refuseShards = (path: string) =>
  refusal(path, "no archive in it", `${shardEndings.join(", ")} are read; check the pattern`);
