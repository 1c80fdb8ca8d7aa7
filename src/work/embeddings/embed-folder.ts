import type { Model } from "../model.ts";
import { type WorkOptions, withOpen } from "../open-work.ts";
import { type Embedded, type EmbedToFileOptions, embedToFile } from "./embed.ts";

/** Which pictures, which part of them, who is told. */
export interface EmbedFileOptions
  extends WorkOptions,
    Pick<EmbedToFileOptions, "shard" | "signal" | "say" | "batchSize"> {}

/**
 * The features of every picture of a folder, or of a known name, into a file of the form that its name ends in (.safetensors, .npy,
 * .parquet, .jsonl). Memory does not grow with the pictures but for their names; after an interruption the same call goes on behind
 * the last batch.
 *
 * @throws SelfsightError "data" when there are no pictures, or too many that cannot be read; "checkpoint"; "storage".
 */
export const embedToIndex = (
  source: string | Model,
  data: string,
  out: string,
  options: EmbedFileOptions = {},
): Promise<Embedded> =>
  withOpen(source, data, options, ({ representation, pictures }) =>
    embedToFile(representation, pictures, out, { ...options, ...options.reading }),
  );
