import { displayName, SelfsightError } from "../../../errors.ts";
import { type CurveFiles, writeCurves } from "../../../work/curves/write-curves.ts";

/** `selfsight log RUN --csv FILE --tensorboard FOLDER`. */
export function log(folder: string, { json, ...wanted }: CurveFiles & { json?: true | undefined }): void {
  if (wanted.csv === undefined && wanted.tensorboard === undefined)
    throw new SelfsightError(
      "configuration",
      "log: neither --csv nor --tensorboard was given; one is needed; add --csv FILE, or read log.jsonl in the run's folder",
    );
  const { points, files } = writeCurves(folder, wanted);
  if (json) console.log(JSON.stringify({ points, files }, null, 2));
  else console.log(`wrote ${points} points of ${displayName(folder)} to ${files.map(displayName).join(" and ")}`);
}
