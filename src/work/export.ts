import { createHash } from "node:crypto";
import { join } from "node:path";
import { SelfsightError } from "../errors.ts";
import { makeFolder, writeFileDurably } from "../files.ts";
import { isTransformer } from "../nn/index.ts";
import { type LogEvent, type RunFile, readLog } from "../train/index.ts";
import { version } from "../version.ts";
import { type BackboneWeights, describeWeights, encodeSafetensors, torchvisionLoader } from "../weights/index.ts";
import { trainedWeights } from "./representation.ts";

export interface ExportOptions {
  /** The folder that is written to. */
  out: string;
  /** "torchvision" adds load.py, and takes residual networks of width 64 alone. Default "safetensors". */
  format?: "safetensors" | "torchvision" | undefined;
  /** Told where an older checkpoint is read because the newest is damaged. Default: Node's warnings. */
  warn?: ((message: string) => void) | undefined;
}

/** What was written: the names in the folder, and the card. */
export interface Exported {
  files: string[];
  card: Card;
}

/** What a reader of the weights should know; written beside them as card.json. */
export interface Card extends Omit<BackboneWeights, "weights"> {
  file: string;
  bytes: number;
  sha256: string;
  method: string;
  run: string;
  step: number;
  data: { source: string; images: number; fingerprint: string };
  /** The last evaluation in the run's log, or null. */
  evaluation: { protocol: string; value: number; step: number } | null;
  selfsight: string;
}

/**
 * Hands a run's backbone to other programs: backbone.safetensors under torchvision's names, card.json, and for torchvision load.py.
 *
 * @throws SelfsightError "checkpoint" where there is no run or it is damaged, "configuration" for another network, "storage".
 */
export function exportRun(folder: string, { out, format = "safetensors", warn }: ExportOptions): Exported {
  const { run, step, weights } = trainedWeights(folder, warn);
  if (format === "torchvision") refuseOtherNetworks(weights);
  const chunks = encodeSafetensors(describeWeights(weights, { method: run.settings.method, selfsight: version }));
  const card = cardOf({ folder, run, step, weights, chunks });
  makeFolder(out);
  const contents = {
    [card.file]: chunks,
    ...(format === "torchvision" && { "load.py": torchvisionLoader(weights, card.file) }),
    "card.json": `${JSON.stringify(card, null, 2)}\n`, // last, so that a card always speaks of a file that is there
  };
  for (const [name, content] of Object.entries(contents)) writeFileDurably(join(out, name), content);
  return { files: Object.keys(contents), card };
}

interface Described {
  folder: string;
  run: RunFile;
  step: number;
  weights: BackboneWeights;
  chunks: readonly Uint8Array[];
}

function cardOf({ folder, run, step, weights, chunks }: Described): Card {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  const { weights: _, ...description } = weights;
  return {
    file: "backbone.safetensors",
    bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    sha256: hash.digest("hex"),
    ...description,
    method: run.settings.method,
    run: folder,
    step,
    data: { source: run.data, images: run.images, fingerprint: run.fingerprint },
    evaluation: lastEvaluation(folder, step),
    selfsight: version,
  };
}

/** The newest figure that is not from after the exported weights. */
function lastEvaluation(folder: string, step: number): Card["evaluation"] {
  const isEvaluation = (event: LogEvent) => event.event === "evaluation";
  const last = readLog(folder)
    .filter(isEvaluation)
    .filter((event) => event.step <= step)
    .at(-1);
  return last ? { protocol: last.protocol, value: last.value, step: last.step } : null;
}

function refuseOtherNetworks({ backbone, width }: BackboneWeights): void {
  const advice = "use --format safetensors";
  if (isTransformer(backbone))
    throw refusal(`the run's network is ${backbone}`, `torchvision has other names for it; ${advice}`);
  if (width !== 64) throw refusal(`the run's network has width ${width}`, `torchvision's networks have 64; ${advice}`);
}

const refusal = (given: string, rest: string) => new SelfsightError("configuration", `export: ${given}; ${rest}`);
