// Pictures in the columns of a Parquet file, as Hugging Face stores sets. Their bytes are compressed in pages, so they are written once, one
// after the other, into a pack in the cache, where each can be read by itself.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { z } from "zod";
import { cacheFolder } from "../../../setup/cache.mjs";
import { makeFolder, writeFileDurably } from "../../files.ts";
import { imageType, sniffedBytes, whyNotAnImage } from "../decode/image-type.ts";
import { type OpenArchive, readAt, refusal, withArchive } from "./archive.ts";
import type { Listed, ListedPicture } from "./listed.ts";

const packSchema = z.object({
  rows: z.array(
    z.object({
      name: z.string(),
      offset: z.number().int().min(0),
      length: z.number().int().min(0),
      /** Why it is no picture. */
      reason: z.string().optional(),
      class: z.object({ name: z.string(), place: z.number().optional() }).optional(),
    }),
  ),
});
type Pack = z.infer<typeof packSchema>;

/** The pictures of a Parquet file; `shard` stands before their names. Errors: data, where it is damaged or has no column of pictures. */
export const parquetPictures = (path: string, shard: string): Promise<Listed> =>
  withArchive(path, async (archive) => {
    const packed = packPaths(archive);
    const pack = readPack(packed.index) ?? (await writePack(archive, packed));
    return listedOf(archive, pack, packed.data, shard);
  });

/** A file that is changed or replaced has another pack. */
function packPaths({ path, size, modifiedSeconds }: OpenArchive) {
  const digest = createHash("sha256").update(`${path}\0${size}\0${modifiedSeconds}`).digest("hex").slice(0, 24);
  const folder = join(cacheFolder("datasets"), "packs");
  return { folder, data: join(folder, `${digest}.pack`), index: join(folder, `${digest}.json`) };
}

/** Written behind its pack, so that a half one is never read. */
function readPack(index: string): Pack | undefined {
  if (!existsSync(index)) return undefined;
  try {
    return packSchema.safeParse(JSON.parse(readFileSync(index, "utf8"))).data;
  } catch {
    return undefined;
  }
}

async function writePack(archive: OpenArchive, { folder, data, index }: ReturnType<typeof packPaths>): Promise<Pack> {
  makeFolder(folder);
  const half = `${data}.${process.pid}.tmp`;
  const file = await open(half, "w");
  try {
    const pack = { rows: await copyRows(archive, file) };
    await file.sync();
    await rename(half, data);
    writeFileDurably(index, JSON.stringify(pack));
    return pack;
  } finally {
    await file.close();
    await rm(half, { force: true });
  }
}

/** Row by row group, so that no more than one of them is in memory. */
async function copyRows(archive: OpenArchive, file: FileHandle): Promise<Pack["rows"]> {
  const source: AsyncBuffer = {
    byteLength: archive.size,
    slice: async (start, end = archive.size) => exactBuffer(await readAt(archive, start, end - start)),
  };
  const metadata = await damagedOr(archive, () => parquetMetadataAsync(source));
  const columns = columnsOf(archive, metadata);
  const rows: Pack["rows"] = [];
  let [offset, rowStart] = [0, 0];
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const wanted = [columns.picture, ...(columns.label === undefined ? [] : [columns.label])];
    const read = { file: source, metadata, columns: wanted, rowStart, rowEnd, compressors, utf8: false };
    for (const row of await damagedOr(archive, () => parquetReadObjects(read))) {
      const { bytes, name } = pictureIn(row[columns.picture]);
      const reason = whyNoPicture(bytes);
      if (reason === undefined) await file.write(bytes!);
      const length = reason === undefined ? bytes!.length : 0;
      rows.push({
        name: name ?? "",
        offset,
        length,
        ...(reason !== undefined && { reason }),
        ...classIn(row, columns),
      });
      offset += length;
    }
    rowStart = rowEnd;
  }
  return rows;
}

const exactBuffer = (bytes: Buffer): ArrayBuffer =>
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;

async function damagedOr<T>({ path }: OpenArchive, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw refusal(
      path,
      `a damaged Parquet file (${cause instanceof Error ? cause.message : cause})`,
      "use a whole copy",
      cause,
    );
  }
}

interface Columns {
  picture: string;
  label: string | undefined;
  /** Of the label's numbers. */
  names: readonly string[] | undefined;
}

const pictureColumns = ["image", "img", "picture", "jpg", "jpeg", "png"];
const labelColumns = ["label", "labels", "class", "fine_label"];

/** Errors: data, where no column has pictures. */
function columnsOf({ path }: OpenArchive, { schema, key_value_metadata }: FileMetaData): Columns {
  const columns = topLevel(schema);
  const picture = pictureColumns.find((name) => columns.includes(name));
  if (picture === undefined)
    throw refusal(
      path,
      `its columns are ${columns.join(", ")}`,
      `one of ${pictureColumns.join(", ")} with the pictures' bytes is needed`,
    );
  const label = labelColumns.find((name) => columns.includes(name));
  const notes = key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  return { picture, label, names: label === undefined ? undefined : classNames(notes, label) };
}

/** The schema is a tree laid out in order; each entry says how many children follow it. */
function topLevel(schema: FileMetaData["schema"]): string[] {
  const names: string[] = [];
  for (let at = 1; at < schema.length; at += treeSize(schema, at)) names.push(schema[at]!.name);
  return names;
}

function treeSize(schema: FileMetaData["schema"], at: number): number {
  let size = 1;
  for (let child = 0; child < (schema[at]?.num_children ?? 0); child++) size += treeSize(schema, at + size);
  return size;
}

const notesSchema = z.object({
  info: z.object({ features: z.record(z.string(), z.object({ names: z.array(z.string()).optional() }).loose()) }),
});

function classNames(notes: string | undefined, label: string): readonly string[] | undefined {
  try {
    const parsed = notesSchema.safeParse(JSON.parse(notes ?? "null"));
    return parsed.success && Object.hasOwn(parsed.data.info.features, label)
      ? parsed.data.info.features[label]!.names
      : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes by themselves, or beside the path that they had. */
function pictureIn(value: unknown): { bytes?: Uint8Array; name?: string } {
  if (value instanceof Uint8Array) return { bytes: value };
  const { bytes, path } = (value ?? {}) as { bytes?: unknown; path?: unknown };
  return { ...(bytes instanceof Uint8Array && { bytes }), ...(typeof path === "string" && { name: basename(path) }) };
}

function whyNoPicture(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return "a row without a picture";
  const head = Buffer.from(bytes.subarray(0, sniffedBytes));
  return imageType(head) === undefined ? whyNotAnImage(head) : undefined;
}

function classIn(row: Record<string, unknown>, { label, names }: Columns) {
  const value = label === undefined ? undefined : row[label];
  if (typeof value === "string") return { class: { name: value } };
  if (typeof value !== "number" && typeof value !== "bigint") return {};
  const place = Number(value);
  return { class: { name: names?.[place] ?? String(place), place } };
}

function listedOf(archive: OpenArchive, { rows }: Pack, data: string, shard: string): Listed {
  const part = basename(archive.path, extname(archive.path));
  const nameOf = (row: number) => `${shard}${row}${rows[row]!.name === "" ? "" : ` ${rows[row]!.name}`}`;
  const places = rows.map((_, row) => row);
  return {
    pictures: places
      .filter((row) => rows[row]!.reason === undefined)
      .map((row): ListedPicture => {
        const { offset, length, class: said } = rows[row]!;
        const file = { path: Buffer.from(data), part: { offset, length, isDeflated: false }, label: nameOf(row) };
        return {
          file: { ...file, bytes: length, modifiedSeconds: archive.modifiedSeconds },
          part,
          steps: [],
          ...(said && { said }),
        };
      }),
    skipped: places.flatMap((row) => {
      const { reason } = rows[row]!;
      return reason === undefined ? [] : [{ label: nameOf(row), reason }];
    }),
  };
}
