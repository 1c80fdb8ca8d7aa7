// The pages of one run as files: what the server would answer lies beside the page, and no server is needed.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { displayName, SelfsightError } from "../errors.ts";
import { makeFolder, writeFileDurably } from "../files.ts";
import { version } from "../version.ts";
import type { ServerFacts } from "./answers.ts";
import { detailsOf } from "./folder/details.ts";
import { observationsOf, sheetOf } from "./folder/observations.ts";
import { registry } from "./folder/registry.ts";
import { pageFiles } from "./http/page-files.ts";

export interface WrittenPages {
  folder: string;
  bytes: number;
}

/** The same as the server's, for a browser that opened a file: a page has no headers of its own there. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

/** Writes the page of the run in `folder` to `out`. Errors: configuration (no run), storage. */
export async function exportRun(folder: string, out: string): Promise<WrittenPages> {
  refuseNoRun(folder);
  const answers = await answersOf(folder);
  const files = pageFiles();
  const page = files.get("index.html")!.bytes.toString("utf8");
  const written: [string, Uint8Array][] = [
    ...[...files]
      .filter(([name]) => name !== "index.html")
      .map(([name, { bytes }]): [string, Uint8Array] => [name, bytes]),
    ["data.js", Buffer.from(`window.selfsightExport = ${JSON.stringify(answers)};\n`)],
    ["index.html", Buffer.from(withData(page))],
  ];
  makeFolder(resolve(out));
  for (const [name, bytes] of written) writeFileDurably(join(out, name), [bytes]);
  return { folder: out, bytes: written.reduce((sum, [, { length }]) => sum + length, 0) };
}

const withData = (page: string): string =>
  page
    .replace("<title>", `<meta http-equiv="Content-Security-Policy" content="${policy}">\n<title>`)
    .replace("<script", '<script defer src="./data.js"></script>\n  <script');

/** Answers by the addresses that the page asks for. */
async function answersOf(folder: string): Promise<Record<string, unknown>> {
  const runs = registry(folder);
  const list = await runs.list();
  const { id } = list.runs[0]!;
  const run = (await runs.find(id))!;
  const log = await runs.log(run);
  const name = resolve(folder).split("/").at(-1)!;
  const named = { ...list.runs[0]!, name, owner: null };
  const observations = observationsOf(run.folder);
  const kept = { steps: observations.steps.map(({ step }) => step), map: observations.map.map(({ step }) => step) };
  const address = `/api/run/${id}`;
  return {
    "/api/server": { version, root: name, canAct: false } satisfies ServerFacts,
    "/api/runs": { ...list, runs: [named] },
    [address]: { ...detailsOf(run, log), summary: named, folder: name },
    [`${address}/series`]: { place: log.place, ...log.series.binned() },
    [`${address}/observations`]: { ...observations, kept },
    ...sheetsOf(run.folder, address),
  };
}

const sheetsOf = (folder: string, address: string): Record<string, string> =>
  Object.fromEntries(
    (["sample", "views"] as const).flatMap((name) => {
      const sheet = sheetOf(folder, name);
      return sheet ? [[`${address}/${name}.webp`, `data:image/webp;base64,${sheet.toString("base64")}`]] : [];
    }),
  );

function refuseNoRun(folder: string): void {
  if (existsSync(join(folder, "run.json"))) return;
  throw new SelfsightError(
    "configuration",
    `ui: ${displayName(folder)} holds no run.json; --export writes the pages of one run; name the folder of that run`,
  );
}
