import { warnOfSkipped } from "../data/index.ts";
import { didYouMean, displayName, SelfsightError } from "../errors.ts";
import {
  type BankOptions,
  bankAndQueries,
  type Evaluation,
  evaluateKnn,
  type Features,
  fewShot,
  type LabelledData,
  type LabelledOptions,
  linearProbe,
  openLabelled,
  type Representation,
} from "../evaluate/index.ts";
import { Model } from "./model.ts";
import { openRepresentation, type RepresentationOptions, rulesOfSource } from "./representation.ts";
import { warnThroughNode } from "./warnings.ts";

/** What a representation was worth, and how that was measured. */
export type EvaluationReport = Evaluation & {
  representation: { source: string; name: string; size: number; features: number; device: string; precision: string };
  data: { name: string; bankImages: number; queryImages: number; badFiles: number };
  seconds: { features: number; protocol: number };
};

/** Each option left out has the default of its protocol. */
export interface EvaluateOptions extends RepresentationOptions {
  /** knn: neighbours. Default 200, at most a fifth of a class of the bank. */
  k?: number | undefined;
  /** knn. Default 0.1. */
  temperature?: number | undefined;
  /** few-shot: labels a class. Default 10. */
  labels?: number | undefined;
  /** few-shot: draws of labels. Default 10. */
  draws?: number | undefined;
  /** linear. Default 100. */
  epochs?: number | undefined;
  /** What is measured on: `test` or `val` against the train split; of `train` or `all` a fifth of each class is held out. Default "test". */
  split?: LabelledOptions["split"] | undefined;
  /** At most so many images of each split. Default all. */
  limit?: number | undefined;
  /** Told of progress and of bad files while features are made. */
  reading?: BankOptions["reading"] | undefined;
}

type Protocol = (bank: Features, queries: Features, options: EvaluateOptions & { device: string }) => Evaluation;

const protocols = {
  knn: (bank, queries, { k, temperature, device }) => evaluateKnn(bank, queries, given({ k, temperature, device })),
  linear: (bank, queries, { epochs, seed, device }) => linearProbe(bank, queries, given({ epochs, seed, device })),
  "few-shot": (bank, queries, { labels, draws, seed, device }) =>
    fewShot(bank, queries, given({ labels, draws, seed, device })),
} satisfies Record<string, Protocol>;

export type ProtocolName = keyof typeof protocols;

type Given<Options> = { [Key in keyof Options]?: Exclude<Options[Key], undefined> };

/** Without the options that were left out. */
const given = <Options extends object>(options: Options) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<Options>;

/**
 * Measures a network on labelled pictures: a folder with one sub-folder a class, or a known name. The train split is the bank, the
 * test split the queries; of a folder that is not divided a keyed fifth of each class is held out. A model that is given stays open.
 *
 * @throws SelfsightError "configuration" for an unknown protocol, "data" without labels, "checkpoint" for what cannot be opened.
 */
export async function evaluate(
  source: string | Model,
  protocol: ProtocolName,
  data: string,
  options: EvaluateOptions = {},
): Promise<EvaluationReport> {
  const measure: Protocol = Object.hasOwn(protocols, protocol) ? protocols[protocol] : refuseProtocol(protocol);
  const { limit, split } = options;
  const rules = source instanceof Model ? source.representation.rules : rulesOfSource(source);
  const labelled = await openLabelled(data, given({ limit, split, rules }));
  warnOfSkipped([labelled.train, labelled.test], options.warn ?? warnThroughNode);
  if (source instanceof Model)
    return measured(measure, source.representation, { source: source.name, labelled, options });
  const representation = openRepresentation(source, labelled.train, options);
  try {
    return await measured(measure, representation, { source, labelled, options });
  } finally {
    representation.free();
  }
}

interface Measuring {
  source: string;
  labelled: LabelledData;
  options: EvaluateOptions;
}

async function measured(
  measure: Protocol,
  representation: Representation,
  { source, labelled, options }: Measuring,
): Promise<EvaluationReport> {
  const startedAt = performance.now();
  const { limit, seed, reading } = options;
  const { bank, queries, suffix } = await bankAndQueries(representation, labelled, given({ limit, seed, reading }));
  const extractedAt = performance.now();
  const found = measure(bank, queries, { ...options, device: representation.device });
  const data = {
    name: bank.dataset,
    bankImages: bank.length,
    queryImages: queries.length,
    badFiles: new Set([...bank.badFiles, ...queries.badFiles]).size,
  };
  return {
    ...found,
    protocol: `${found.protocol}${suffix}`,
    representation: describe(source, representation, bank),
    data,
    seconds: { features: (extractedAt - startedAt) / 1000, protocol: (performance.now() - extractedAt) / 1000 },
  };
}

function describe(source: string, { name, size, device, precision }: Representation, { dimensions }: Features) {
  return { source, name, size, features: dimensions, device, precision };
}

function refuseProtocol(protocol: string): never {
  const names = Object.keys(protocols);
  throw new SelfsightError(
    "configuration",
    `evaluate: ${displayName(protocol)} is no protocol; ${names.join(", ")} are there; choose one.${didYouMean(protocol, names)}`,
  );
}
