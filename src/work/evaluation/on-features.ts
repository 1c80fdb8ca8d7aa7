// Protocols that see a frozen network's features alone: bank and queries once through it, then a classifier.
import { type Dataset, sampleName, warnOfSkipped } from "../../data/index.ts";
import {
  bankAndQueries,
  type Evaluation,
  type Features,
  type LabelledData,
  openLabelled,
  type Representation,
} from "../../evaluate/index.ts";
import { Model } from "../model.ts";
import { openRepresentation, rulesOfSource } from "../representation.ts";
import { warnThroughNode } from "../warnings.ts";
import { given } from "./given.ts";
import type { Asked, MeasureOptions } from "./protocol.ts";

/** What a figure was measured with, and how long that took. */
export interface Circumstances {
  representation: { source: string; name: string; size: number; features: number; device: string; precision: string };
  data: { name: string; bankImages: number; queryImages: number; badFiles: number };
  seconds: { features: number; protocol: number };
  /** What each query is called, in the order of the outcomes. Left out where pictures that could not be read are among them. */
  images?: readonly string[];
}

type Measure<Options, Found> = (bank: Features, queries: Features, options: Options & OnDevice) => Found;
type OnDevice = MeasureOptions & { device: string };

/** The `run` of a protocol that needs nothing but features: `measure` finds what they are worth. */
export const onFeatures =
  <Options extends object, Found extends Evaluation>(measure: Measure<Options, Found>) =>
  async ({ source, data, options }: Asked<Options>): Promise<Found & Circumstances> => {
    const labelled = await labelledFor(source, data, options);
    if (source instanceof Model)
      return measured(measure, source.representation, { source: source.name, labelled, options });
    const representation = openRepresentation(source, labelled.train, options);
    try {
      return await measured(measure, representation, { source, labelled, options });
    } finally {
      representation.free();
    }
  };

/** The pictures, read as the network's run read its own. */
export async function labelledFor(
  source: string | Model,
  data: string,
  { limit, split, rules, warn = warnThroughNode }: MeasureOptions,
): Promise<LabelledData> {
  const own = source instanceof Model ? source.representation.rules : rulesOfSource(source);
  const labelled = await openLabelled(data, given({ limit, split, rules: { ...own, ...rules } }));
  warnOfSkipped([labelled.train, labelled.test], warn);
  if (labelled.note !== undefined) warn(labelled.note);
  return labelled;
}

interface Measuring<Options> {
  source: string;
  labelled: LabelledData;
  options: MeasureOptions & Options;
}

async function measured<Options, Found extends Evaluation>(
  measure: Measure<Options, Found>,
  representation: Representation,
  { source, labelled, options }: Measuring<Options>,
): Promise<Found & Circumstances> {
  const startedAt = performance.now();
  const { limit, seed, reading } = options;
  const { bank, queries, suffix } = await bankAndQueries(representation, labelled, given({ limit, seed, reading }));
  const extractedAt = performance.now();
  const found = measure(bank, queries, { ...options, device: representation.device });
  const circumstances: Circumstances = {
    representation: describe(source, representation, bank),
    data: {
      name: bank.dataset,
      bankImages: bank.length,
      queryImages: queries.length,
      badFiles: new Set([...bank.badFiles, ...queries.badFiles]).size,
    },
    images: Array.from(queries.indices, (index) => sampleName(labelled.test ?? labelled.train, index)),
    seconds: { features: (extractedAt - startedAt) / 1000, protocol: (performance.now() - extractedAt) / 1000 },
  };
  return Object.assign(found, circumstances, { protocol: `${found.protocol}${suffix}` });
}

/** The names of all pictures, where as many have an outcome. */
export const imagesOf = (
  dataset: Dataset,
  { outcomes }: Pick<Evaluation, "outcomes">,
): Pick<Circumstances, "images"> =>
  outcomes.length === dataset.length ? { images: Array.from(outcomes, (_, index) => sampleName(dataset, index)) } : {};

function describe(source: string, { name, size, device, precision }: Representation, { dimensions }: Features) {
  return { source, name, size, features: dimensions, device, precision };
}
