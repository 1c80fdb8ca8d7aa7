import { type ReadingRules, warnOfSkipped } from "../data/index.ts";
import { CallError, didYouMean, displayName, SelfsightError } from "../errors.ts";
import {
  type BankOptions,
  bankAndQueries,
  type Evaluation,
  evaluateKnn,
  type Features,
  type FewShotResult,
  fewShot,
  type LabelledData,
  type LabelledOptions,
  type LinearProbeResult,
  linearProbe,
  openLabelled,
  type Representation,
} from "../evaluate/index.ts";
import { Model } from "./model.ts";
import { openRepresentation, type RepresentationOptions, rulesOfSource } from "./representation.ts";
import { warnThroughNode } from "./warnings.ts";

/** What each protocol may be told, and what it finds. */
export interface Protocols {
  knn: {
    options: {
      /** Neighbours. Default 200, at most a fifth of a class of the bank. */
      k?: number | undefined;
      /** Default 0.1. */
      temperature?: number | undefined;
    };
    found: Evaluation;
  };
  linear: {
    options: {
      /** Default 100. */
      epochs?: number | undefined;
    };
    found: LinearProbeResult;
  };
  "few-shot": {
    options: {
      /** Labels a class. Default 10. */
      labels?: number | undefined;
      /** Draws of labels. Default 10. */
      draws?: number | undefined;
    };
    found: FewShotResult;
  };
}

export type ProtocolName = keyof Protocols;

/** What a representation was worth, and how that was measured. */
export type EvaluationReport<Name extends ProtocolName = ProtocolName> = Protocols[Name]["found"] & Circumstances;

export interface Circumstances {
  representation: { source: string; name: string; size: number; features: number; device: string; precision: string };
  data: { name: string; bankImages: number; queryImages: number; badFiles: number };
  seconds: { features: number; protocol: number };
}

/** What is measured, and how its network is opened where it is not open yet. */
export interface MeasureOptions extends RepresentationOptions {
  /** What is measured on: `test` or `val` against the train split; of `train` or `all` a fifth of each class is held out. Default "test". */
  split?: LabelledOptions["split"] | undefined;
  /** At most so many images of each split. Default all. */
  limit?: number | undefined;
  /** How files are read. Default: as the network's run read them. */
  rules?: Partial<ReadingRules> | undefined;
  /** Told of progress and of bad files while features are made. */
  reading?: BankOptions["reading"] | undefined;
}

/** Each option left out has the default of its protocol. */
export type EvaluateOptions<Name extends ProtocolName = ProtocolName> = MeasureOptions & Protocols[Name]["options"];

interface Protocol<Name extends ProtocolName> {
  /** The options that no other protocol has. */
  own: readonly (keyof Protocols[Name]["options"])[];
  measure(
    bank: Features,
    queries: Features,
    options: EvaluateOptions<Name> & { device: string },
  ): Protocols[Name]["found"];
}

const protocols: { [Name in ProtocolName]: Protocol<Name> } = {
  knn: {
    own: ["k", "temperature"],
    measure: (bank, queries, { k, temperature, device }) =>
      evaluateKnn(bank, queries, given({ k, temperature, device })),
  },
  linear: {
    own: ["epochs"],
    measure: (bank, queries, { epochs, seed, device }) => linearProbe(bank, queries, given({ epochs, seed, device })),
  },
  "few-shot": {
    own: ["labels", "draws"],
    measure: (bank, queries, { labels, draws, seed, device }) =>
      fewShot(bank, queries, given({ labels, draws, seed, device })),
  },
};

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
export async function evaluate<Name extends ProtocolName>(
  source: string | Model,
  protocol: Name,
  data: string,
  options: EvaluateOptions<Name> = {},
): Promise<EvaluationReport<Name>> {
  const { measure } = protocolNamed(protocol);
  refuseOthers(protocol, options);
  if (source instanceof Model) refuseReopening(options);
  const { limit, split } = options;
  const own = source instanceof Model ? source.representation.rules : rulesOfSource(source);
  const rules = { ...own, ...options.rules };
  const labelled = await openLabelled(data, given({ limit, split, rules }));
  const { warn = warnThroughNode } = options;
  warnOfSkipped([labelled.train, labelled.test], warn);
  if (labelled.note !== undefined) warn(labelled.note);
  if (source instanceof Model)
    return measured(measure, source.representation, { source: source.name, labelled, options });
  const representation = openRepresentation(source, labelled.train, options);
  try {
    return await measured(measure, representation, { source, labelled, options });
  } finally {
    representation.free();
  }
}

interface Measuring<Name extends ProtocolName> {
  source: string;
  labelled: LabelledData;
  options: EvaluateOptions<Name>;
}

async function measured<Name extends ProtocolName>(
  measure: Protocol<Name>["measure"],
  representation: Representation,
  { source, labelled, options }: Measuring<Name>,
): Promise<EvaluationReport<Name>> {
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
    seconds: { features: (extractedAt - startedAt) / 1000, protocol: (performance.now() - extractedAt) / 1000 },
  };
  return Object.assign(found, circumstances, { protocol: `${found.protocol}${suffix}` });
}

function describe(source: string, { name, size, device, precision }: Representation, { dimensions }: Features) {
  return { source, name, size, features: dimensions, device, precision };
}

function protocolNamed<Name extends ProtocolName>(name: Name): Protocol<Name> {
  if (Object.hasOwn(protocols, name)) return protocols[name];
  const names = Object.keys(protocols);
  throw new SelfsightError(
    "configuration",
    `evaluate: ${displayName(name)} is no protocol; ${names.join(", ")} are there; choose one.${didYouMean(name, names)}`,
  );
}

/** An option that does nothing must not look as if it did. */
function refuseOthers(protocol: ProtocolName, options: object): void {
  const owners = Object.entries(protocols).flatMap(([owner, { own }]) => own.map((option) => ({ owner, option })));
  const asked = new Map<string, unknown>(Object.entries(options));
  const foreign = owners.find(({ owner, option }) => owner !== protocol && asked.get(option) !== undefined);
  if (!foreign) return;
  const { owner, option } = foreign;
  throw new SelfsightError(
    "configuration",
    `evaluate: ${option} ${asked.get(option)} with ${protocol}; ${protocol} has ${protocols[protocol].own.join(" and ")}; leave it out, or measure by ${owner}`,
  );
}

function refuseReopening(options: MeasureOptions): void {
  const asked = (["size", "device", "precision"] as const).find((option) => options[option] !== undefined);
  if (asked === undefined) return;
  throw new CallError(
    `evaluate: ${asked} ${options[asked]} with an open model; a model stays as it was opened; leave it out, or give it to openRun`,
  );
}
