import { createHash } from "node:crypto";
import { join } from "node:path";
import { displayName, SelfsightError } from "../../errors.ts";
import { makeFolder, writeFileDurably } from "../../files.ts";
import { type LogEvent, type RunFile, readLog } from "../../train/index.ts";
import { version } from "../../version.ts";
import { type BackboneWeights, describeWeights, encodeSafetensors, torchvisionLoader } from "../../weights/index.ts";
import { trainedWeights } from "../../work/representation.ts";

export interface ExportOptions {
  format: "safetensors" | "torchvision";
  out: string;
  json?: true | undefined;
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

/** `selfsight export RUN`: backbone.safetensors under torchvision's names, card.json, and for torchvision load.py. */
export function exportRun(folder: string, { format, out, json }: ExportOptions): void {
  const { run, step, weights } = trainedWeights(folder, (message) => console.error(`warning: ${message}`));
  if (format === "torchvision") refuseOtherWidths(weights);
  const chunks = encodeSafetensors(describeWeights(weights, { method: run.settings.method, selfsight: version }));
  const card = cardOf({ folder, run, step, weights, chunks });
  makeFolder(out);
  const files = {
    [card.file]: chunks,
    ...(format === "torchvision" && { "load.py": torchvisionLoader(weights, card.file) }),
    "card.json": `${JSON.stringify(card, null, 2)}\n`, // last, so that a card always speaks of a file that is there
  };
  for (const [name, contents] of Object.entries(files)) writeFileDurably(join(out, name), contents);
  const names = Object.keys(files);
  const sentence = `wrote ${names.join(", ")} to ${displayName(out)}: ${weights.backbone} of ${displayName(folder)}, step ${step}`;
  console.log(json ? JSON.stringify({ out, files: names, ...card }, null, 2) : sentence);
}

interface Exported {
  folder: string;
  run: RunFile;
  step: number;
  weights: BackboneWeights;
  chunks: readonly Uint8Array[];
}

function cardOf({ folder, run, step, weights, chunks }: Exported): Card {
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

function refuseOtherWidths({ width }: BackboneWeights): void {
  if (width === 64) return;
  throw new SelfsightError(
    "configuration",
    `export: the run's network has width ${width}; torchvision's networks have 64; use --format safetensors`,
  );
}
