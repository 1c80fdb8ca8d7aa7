import { join } from "node:path";
import { displayName } from "../../errors.ts";
import { makeFolder, writeFileDurably } from "../../files.ts";
import { type Gallery, galleryPage } from "../../report/index.ts";
import { version } from "../../version.ts";

export interface ResultOptions {
  /** A folder into which the findings are written as JSON and as a page with pictures. Default: they are not written. */
  out?: string | undefined;
}

export interface Written {
  /** Where they were written, if that was asked for. */
  written?: WrittenResults | undefined;
}

/** Where findings were written. */
export interface WrittenResults {
  json: string;
  page: string;
}

/** Writes FOLDER/NAME.json, and FOLDER/NAME.html, which needs nothing beside it. Errors: storage. */
export function writeResults(folder: string, name: string, found: unknown, gallery: Gallery): WrittenResults {
  const written = { json: join(folder, `${name}.json`), page: join(folder, `${name}.html`) };
  makeFolder(folder);
  writeFileDurably(written.json, `${JSON.stringify(found, null, 1)}\n`);
  writeFileDurably(written.page, galleryPage(gallery));
  return written;
}

/** What a reader needs to judge what was found. */
export const circumstances = (
  { name, size, device, precision }: Record<"name" | "device" | "precision", string> & { size: number },
  data: string,
  pictures: number,
): [string, string][] => [
  ["Network", displayName(name)],
  ["Pictures", `${pictures.toLocaleString("en")} of ${displayName(data)}`],
  ["Seen at", `${size} × ${size} pixels`],
  ["Computed on", `${device}, ${precision}`],
  ["Version", `Selfsight ${version}`],
];
