import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { displayName, SelfsightError } from "../../errors.ts";

/** A file of the page, whole in memory. */
export interface PageFile {
  type: string;
  bytes: Buffer;
}

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Where `npm run build` puts the page: beside the compiled sources; from the sources themselves, in the same folder. */
export const pageFolder = fileURLToPath(new URL("../../../dist/ui", import.meta.url));

/** The page's files by their names: nothing else is ever given out as a file. Errors: storage, where the page is not built. */
export function pageFiles(folder: string = pageFolder): Map<string, PageFile> {
  try {
    const names = readdirSync(folder).filter((name) => extname(name) in types);
    return new Map(
      names.map((name) => [name, { type: types[extname(name)]!, bytes: readFileSync(join(folder, name)) }]),
    );
  } catch (cause) {
    throw new SelfsightError(
      "storage",
      `ui: the page is not in ${displayName(folder)}; it is made with the sources; run \`npm run build\``,
      { cause },
    );
  }
}
