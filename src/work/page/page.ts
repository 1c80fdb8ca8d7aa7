// N pictures, D features. A folder of pictures as a static page with the network in it: search and classes in the browser.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { displayName, SelfsightError } from "../../errors.ts";
import { makeFolder, writeFileDurably } from "../../files.ts";
import { pageIcon, productPage } from "../../report/index.ts";
import type { Card } from "../export/card.ts";
import { exportBackbone } from "../export/export.ts";
import { type FeatureOptions, featuresOf, type OpenWork, withOpen } from "../open-work.ts";
import { pictureName } from "../pictures.ts";
import { sheetLayout, sheetsOf } from "./sheets.ts";

export interface PageOptions extends FeatureOptions {
  /** The folder that is written to. */
  out: string;
}

/** A page that was written. */
export interface WrittenPage {
  /** The folder; index.html is its start. */
  folder: string;
  pictures: number;
  dimensions: number;
  bytes: number;
  badFiles: { name: string; reason: string }[];
  /** The exported network's card. */
  card: Card;
}

/**
 * Writes a static page: small pictures, unit features, and the network as ONNX for onnxruntime-web, which takes what is dropped into the
 * page. Any static server can give it out; nothing leaves the browser. `split` is "all" by default.
 *
 * @throws SelfsightError "configuration" where onnxruntime-web is not installed, "checkpoint", "data", "numerics", "storage".
 */
export async function writePage(source: string, data: string, { out, ...options }: PageOptions): Promise<WrittenPage> {
  const runtime = runtimeFiles();
  return withOpen(source, data, { split: "all", ...options }, async (work) => {
    const { card } = await exportBackbone(source, { out, format: "onnx", withPreprocessing: true, warn: options.warn });
    const { names, dimensions, badFiles, files } = await picturesOf(work, options, out);
    const texts = { "index.html": documentOf(data, names.length, card), "page/icon.svg": pageIcon };
    const bytes = writeAll(out, { ...runtime, ...scripts(), ...files, ...texts }) + card.bytes;
    return { folder: out, pictures: names.length, dimensions, bytes, badFiles, card };
  });
}

type Files = Record<string, Uint8Array | string>;

async function picturesOf(work: OpenWork, options: FeatureOptions, out: string) {
  const { dataset } = work.pictures;
  const features = await featuresOf(work, options);
  const { values, dimensions, indices, badFiles } = features;
  const files: Files = { "features.bin": unitRows(values, dimensions) };
  const sheets: string[] = [];
  makeFolder(join(out, "sheets"));
  for await (const sheet of sheetsOf(dataset, indices)) {
    sheets.push(`sheets/${sheets.length}.jpg`);
    writeFileDurably(join(out, sheets.at(-1)!), [sheet]); // at once, so that few are in memory
  }
  const names = Array.from(indices, (index) => pictureName(dataset, index));
  files["pictures.json"] = JSON.stringify({ names, dimensions, sheet: { ...sheetLayout, files: sheets } });
  return { names, dimensions, files, badFiles: badFiles.map(({ name, reason }) => ({ name, reason })) };
}

/** Rows of length 1 as little-endian float32; zeros stay zeros. */
function unitRows(values: Float32Array, dimensions: number): Uint8Array {
  const rows = Float32Array.from(values);
  for (let start = 0; start < rows.length; start += dimensions) {
    const row = rows.subarray(start, start + dimensions);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let i = 0; i < dimensions; i++) row[i]! /= length;
  }
  return new Uint8Array(rows.buffer);
}

function documentOf(data: string, pictures: number, { backbone, method, size }: Card): string {
  const title = `${displayName(basename(resolve(data)))}: ${pictures.toLocaleString("en")} pictures`;
  const network = `${backbone}${method === null ? "" : ` that learned by ${method}`}, seen at ${size} x ${size} pixels. Made with Selfsight.`;
  return productPage({ title, network, side: sheetLayout.side });
}

function writeAll(folder: string, files: Files): number {
  let bytes = 0;
  for (const [name, content] of Object.entries(files)) {
    makeFolder(dirname(join(folder, name)));
    writeFileDurably(join(folder, name), typeof content === "string" ? content : [content]);
    bytes += content.length;
  }
  return bytes;
}

/** The page's own code, compiled; this file lies as deep in the sources as in dist. */
function scripts(): Files {
  const folder = fileURLToPath(new URL("../../../dist/web/page/", import.meta.url));
  return filesOf("page", folder, ["main.js", "nearest.js", "network.js"]);
}

const filesOf = (below: string, folder: string, names: readonly string[]): Files =>
  Object.fromEntries(names.map((name) => [`${below}/${name}`, readFileSync(join(folder, name))]));

/** onnxruntime-web's part for WebAssembly alone. Errors: configuration, where it is not installed. */
function runtimeFiles(): Files {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));
    return filesOf("ort", folder, ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]);
  } catch (cause) {
    throw new SelfsightError(
      "configuration",
      "page: onnxruntime-web is not installed, which runs the network in the browser; run `npm install onnxruntime-web`",
      { cause },
    );
  }
}
