// A network and the pictures that it is put to work on, both open.

import { CallError } from "../errors.ts";
import { type ExtractOptions, extractFeatures, type Features } from "../evaluate/index.ts";
import { featuresInIndex } from "./embeddings/from-index.ts";
import { Model } from "./model.ts";
import { type OpenedPictures, openPictures, type PictureOptions } from "./pictures.ts";
import {
  type OpenedRepresentation,
  openRepresentation,
  type RepresentationOptions,
  rulesOfSource,
} from "./representation.ts";

/** What is told while pictures are read, and who reads them together. */
export type ReadingOptions = Pick<ExtractOptions, "onBadFile" | "onRemark" | "onProgress" | "sharing">;

/** Which pictures, how the network is opened where it is not open yet, and who is told. */
export interface WorkOptions extends PictureOptions, RepresentationOptions {
  /** Told of progress, of bad files and of remarks while pictures are read. */
  reading?: ReadingOptions | undefined;
}

/** The same for what computes with features alone. */
export interface FeatureOptions extends WorkOptions {
  /** A file that `embed` wrote of these pictures with this network: its vectors are used, nothing is computed anew. */
  index?: string | undefined;
}

export interface OpenWork {
  pictures: OpenedPictures;
  representation: OpenedRepresentation;
}

/** Opens pictures and network, and gives the network's memory back at the end unless it came open. Errors: data, checkpoint. */
export async function withOpen<T>(
  source: string | Model,
  data: string,
  options: WorkOptions,
  body: (work: OpenWork) => Promise<T>,
): Promise<T> {
  if (source instanceof Model) refuseReopening(options);
  const own = source instanceof Model ? source.representation.rules : rulesOfSource(source);
  const pictures = await openPictures(data, { ...options, rules: { ...own, ...options.rules } });
  if (source instanceof Model) return body({ pictures, representation: source.opened });
  const representation = openRepresentation(source, pictures.dataset, options);
  try {
    return await body({ pictures, representation });
  } finally {
    representation.free();
  }
}

/** Features of all pictures, in memory. */
export const featuresOf = (
  { representation, pictures }: OpenWork,
  { index, reading }: FeatureOptions,
): Promise<Features> =>
  index === undefined
    ? extractFeatures(representation, pictures.dataset, reading)
    : featuresInIndex(index, representation, pictures.dataset);

/** A model stays as it was opened. */
function refuseReopening(options: RepresentationOptions): void {
  const asked = (["size", "device", "precision"] as const).find((option) => options[option] !== undefined);
  if (asked === undefined) return;
  throw new CallError(
    `work: ${asked} ${options[asked]} with an open model; a model stays as it was opened; leave it out, or give it to openRun`,
  );
}
