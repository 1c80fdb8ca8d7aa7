import { z } from "zod";
import { type Dataset, lastingSource } from "../data/index.ts";
import { CallError, didYouMean, displayName, SelfsightError } from "../errors.ts";
import { noReading } from "../evaluate/index.ts";
import { chosenDevice, refuseUnfit } from "../train/index.ts";
import { type Asked, type MeasureOptions, type Protocol, type ProtocolReport, Stopped } from "./evaluation/protocol.ts";
import { type ProtocolName, type Protocols, protocols } from "./evaluation/protocols.ts";
import { Model } from "./model.ts";

/** What a representation was worth, and how that was measured. */
export type EvaluationReport<Name extends ProtocolName = ProtocolName> = Protocols[Name]["report"];

/** Each option left out has the default of its protocol. */
export type EvaluateOptions<Name extends ProtocolName = ProtocolName> = MeasureOptions & Protocols[Name]["options"];

/**
 * Measures a network by one of the protocols on labelled pictures: a folder with one sub-folder a class, or a known name. The train
 * split teaches, the test split is measured on; of a folder that is not divided a keyed fifth of each class is held out. A model that
 * is given stays open.
 *
 * @throws SelfsightError "configuration" for an unknown protocol or option, "data" without labels, "checkpoint" for what cannot be opened.
 */
export async function evaluate<Name extends ProtocolName>(
  source: string | Model,
  protocol: Name,
  data: string,
  options: EvaluateOptions<Name> = {},
): Promise<EvaluationReport<Name>> {
  const { own, without = [], run, isRunByAll } = protocolNamed(protocol);
  refuseOthers(protocol, options);
  refuseIdle(protocol, without, options);
  refuseUnfit(`evaluate ${protocol}`, z.looseObject(own), options);
  if (source instanceof Model) refuseReopening(options);
  const asked = { source, data, options };
  return isRunByAll?.(options) ? byAll(protocol, asked, run) : run(asked);
}

/** Process 0 calls the others to the same, and each takes its part; a model that is given has no name that it could call them to. */
async function byAll<Report>(
  protocol: ProtocolName,
  asked: Asked<object>,
  run: (asked: Asked<object>) => Promise<Report>,
): Promise<Report> {
  const { source, data, options } = asked;
  const { sharing, reading = noReading, warn, signal, onEvent, onProgress, ...words } = options;
  if (!sharing || typeof source !== "string") return run(asked);
  const { call: _, callToProtocol, onEnd, ...together } = sharing;
  await callToProtocol?.({ protocol, source, data: lastingSource(data), options: words });
  const own = {
    ...{ ...options, sharing: together, device: chosenDevice(options.device ?? "auto", together.team.localRank) },
    reading: (dataset: Dataset) => ({ ...reading(dataset), sharing: together }),
  };
  try {
    const report = await run({ source, data, options: own });
    onEnd?.();
    return report;
  } catch (error) {
    if (error instanceof Stopped) onEnd?.(); // the others have stopped too; of other errors all end
    throw error;
  }
}

type AnyProtocol<Name extends ProtocolName> = Protocol<Protocols[Name]["options"], Protocols[Name]["report"]>;

function protocolNamed<Name extends ProtocolName>(name: Name): AnyProtocol<Name> {
  if (Object.hasOwn(protocols, name)) return protocols[name];
  const names = Object.keys(protocols);
  throw new SelfsightError(
    "configuration",
    `evaluate: ${displayName(name)} is no protocol; ${names.join(", ")} are there; choose one.${didYouMean(name, names)}`,
  );
}

const ownersOf = (option: string): string[] =>
  Object.entries<Pick<Protocol<object, ProtocolReport>, "own">>(protocols).flatMap(([name, { own }]) =>
    Object.hasOwn(own, option) ? [name] : [],
  );

/** An option that does nothing must not look as if it did. */
function refuseOthers(protocol: ProtocolName, options: object): void {
  const own = Object.keys(protocols[protocol].own);
  const foreign = Object.entries(options).find(
    ([option, value]) => value !== undefined && !own.includes(option) && ownersOf(option).length > 0,
  );
  if (!foreign) return;
  const [option, value] = foreign;
  const has = own.length > 0 ? `${protocol} has ${own.join(" and ")}` : `${protocol} has no options of its own`;
  throw new SelfsightError(
    "configuration",
    `evaluate: ${option} ${value} with ${protocol}; ${has}; leave it out, or measure by ${ownersOf(option).join(" or ")}`,
  );
}

function refuseIdle(protocol: string, without: readonly (keyof MeasureOptions)[], options: MeasureOptions): void {
  const idle = without.find((option) => options[option] !== undefined);
  if (idle === undefined) return;
  throw new SelfsightError(
    "configuration",
    `evaluate: ${idle} ${options[idle]} with ${protocol}; it would do nothing there; leave it out`,
  );
}

function refuseReopening(options: MeasureOptions): void {
  const asked = (["size", "device", "precision"] as const).find((option) => options[option] !== undefined);
  if (asked === undefined) return;
  throw new CallError(
    `evaluate: ${asked} ${options[asked]} with an open model; a model stays as it was opened; leave it out, or give it to openRun`,
  );
}
