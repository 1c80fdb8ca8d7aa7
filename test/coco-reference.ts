// The COCO files of test/reference/coco, unpacked.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const folder = new URL("reference/coco/", import.meta.url);

export const unpacked = (name: string): string => gunzipSync(readFileSync(new URL(`${name}.gz`, folder))).toString();

/** Writes a file of the reference into a folder and returns its path. */
export function unpackInto(target: string, name: string): string {
  const path = join(target, name);
  writeFileSync(path, unpacked(name));
  return path;
}
