import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { makeFolder, writeFileDurably } from "../../files.ts";
import { version } from "../../version.ts";
import type { BackboneWeights } from "../../weights/index.ts";
import { weightsOf } from "../representation.ts";
import { type Card, cardText, type ExportFormat, type Origin, originOfFile, originOfRun } from "./card.ts";
import { type Contents, contentsOf, type FormatOptions, refuseIdle } from "./formats.ts";

export interface ExportOptions extends FormatOptions {
  /** The folder that is written to. */
  out: string;
  /**
   * "torchvision" and "timm" add load.py, and take residual networks of width 64 alone ("timm" any transformer); "onnx" is one file for
   * onnxruntime, "transformers" the folder that transformers.js opens. Default "safetensors".
   */
  format?: ExportFormat | undefined;
  /** Told where an older checkpoint is read because the newest is damaged. Default: Node's warnings. */
  warn?: ((message: string) => void) | undefined;
}

/** What was written: the names in the folder, and the card. */
export interface Exported {
  files: string[];
  card: Card;
}

/**
 * Hands the backbone of a run or weights file to other programs: the files of the format, README.md and card.json.
 *
 * @throws SelfsightError "checkpoint" for what is neither or damaged, "configuration" for another network or a missing onnxruntime,
 * "numerics" where an ONNX file computes something else than the engine, "storage".
 */
export async function exportBackbone(source: string, options: ExportOptions): Promise<Exported> {
  const { format = "safetensors", out, warn } = options;
  refuseIdle({ ...options, format });
  const found = weightsOf(source, warn);
  const { weights } = found;
  const origin =
    "run" in found ? originOfRun(source, found.run, found.step) : originOfFile(source, weights.about ?? {});
  const contents = await contentsOf[format](weights, options, origin);
  const card = cardOf(format, weights, origin, contents);
  return { files: writeAll(out, contents, card), card };
}

/** The card comes last, so that it always speaks of files that are there. */
function writeAll(out: string, { file, chunks, beside, usage }: Contents, card: Card): string[] {
  const cards = { "README.md": cardText(card, usage), "card.json": `${JSON.stringify(card, null, 2)}\n` };
  const all = { [file]: chunks, ...beside, ...cards };
  for (const [name, content] of Object.entries(all)) {
    makeFolder(dirname(join(out, name)));
    writeFileDurably(join(out, name), content);
  }
  return Object.keys(all);
}

function cardOf(
  format: ExportFormat,
  weights: BackboneWeights,
  origin: Origin,
  { file, chunks, onnx }: Contents,
): Card {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  const { weights: _, prefix: __, about: ___, ...description } = weights;
  return {
    ...{ format, file, bytes: chunks.reduce((sum, { length }) => sum + length, 0), sha256: hash.digest("hex") },
    ...description,
    ...origin,
    ...(onnx && { onnx }),
    selfsight: version,
  };
}
