import { displayName } from "../../../errors.ts";
import { writePage } from "../../../work/page/page.ts";
import { type AtWorkOptions, atWork } from "../../terminal/at-work.ts";
import { serveFolder } from "./serve.ts";

const usualPort = 8080;

/** `selfsight page RUN_OR_WEIGHTS --data DATA --out FOLDER`. */
export async function page(
  source: string,
  options: AtWorkOptions & { data: string; out: string; index?: string; serve?: number | true },
): Promise<void> {
  const { data, serve } = options;
  const written = await atWork(options, (given) => writePage(source, data, given));
  const { folder, pictures, dimensions, bytes } = written;
  if (options.json) console.log(JSON.stringify(written, null, 2));
  else
    console.log(
      `wrote a page of ${pictures} pictures and ${dimensions} features to ${displayName(folder)} (${Math.round(bytes / 1e6)} MB); give that folder to any static server, or add --serve`,
    );
  if (serve !== undefined)
    await serveFolder(folder, serve === true ? usualPort : serve, options.json ? console.error : console.log);
}
