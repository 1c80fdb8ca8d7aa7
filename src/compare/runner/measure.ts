// What a trained cell is worth: its backbone's features once, then each protocol of the plan.
import { warnOfSkipped } from "../../data/index.ts";
import {
  backboneRepresentation,
  bankAndQueries,
  type Evaluation,
  evaluateKnn,
  type Features,
  fewShot,
  linearProbe,
  openLabelled,
} from "../../evaluate/index.ts";
import { freeNetwork, moveNetwork } from "../../nn/index.ts";
import { chosenDevice, chosenPrecision, loadNewestCheckpoint, rulesOf, type Settings } from "../../train/index.ts";
import { backboneTensors, buildBackbone } from "../../weights/index.ts";
import { evaluate } from "../../work/evaluate.ts";
import type { ProtocolReport } from "../../work/evaluation/protocol.ts";
import { protocols as all } from "../../work/evaluation/protocols.ts";
import type { Measurement } from "../plan/measurements.ts";
import { type Evaluations, type Protocol, protocols } from "../plan/plan.ts";
import type { CellResult } from "./cell-files.ts";
import type { CellJob } from "./cells.ts";

type Measure = (
  bank: Features,
  queries: Features,
  device: string,
  own: Evaluations,
) => Evaluation & { std?: number | null };

const measures: Record<Protocol, Measure> = {
  knn: (bank, queries, device, { knn }) => evaluateKnn(bank, queries, { device, ...given(knn) }),
  linear: (bank, queries, device, { linear }) => linearProbe(bank, queries, { device, ...given(linear) }),
  "few-shot": (bank, queries, device, own) => fewShot(bank, queries, { device, ...given(own["few-shot"]) }),
};

/** Without the options that were left out. */
const given = <Options extends object>(options: Options | undefined) =>
  Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Options]?: Exclude<Options[Key], undefined>;
  };

/** Trains nothing; reads the newest checkpoint. Errors: data, when the pictures have no labels. */
export async function measure(
  job: CellJob,
  warn: (message: string) => void,
): Promise<Pick<CellResult, "evaluations" | "protocols" | "leftOut">> {
  const cached = await measureCached(job, warn);
  const others: CellResult["evaluations"] = [];
  for (const own of job.measurements) others.push(await measureOther(job, own, warn));
  return {
    evaluations: [...cached.evaluations, ...others],
    protocols: [...cached.protocols, ...job.measurements.map(({ key }) => key)],
    leftOut: cached.leftOut,
  };
}

/** A protocol of `selfsight evaluate` as it is. */
async function measureOther({ folder, data, settings }: CellJob, own: Measurement, warn: (message: string) => void) {
  const { device, precision, limit } = settings;
  const shared = { device, precision, ...(limit !== null && { limit }), warn };
  const { without = [] } = all[own.protocol];
  const borne = Object.fromEntries(Object.entries(shared).filter(([key]) => !without.some((idle) => idle === key)));
  const found: ProtocolReport & { std?: number | null; count?: number } = await evaluate(
    folder,
    own.protocol,
    own.data ?? data,
    {
      ...borne,
      ...own.options,
    },
  );
  return { protocol: found.protocol, value: found.value, std: found.std ?? null, count: found.count ?? 0 };
}

async function measureCached(
  job: CellJob,
  warn: (message: string) => void,
): Promise<Pick<CellResult, "evaluations" | "protocols" | "leftOut">> {
  const wanted = protocols.filter((protocol) => job.evaluations[protocol] !== undefined);
  if (wanted.length === 0) return { evaluations: [], protocols: [], leftOut: [] };
  const { bank, queries, suffix, device, leftOut } = await featuresOf(job, warn);
  const evaluations = wanted.map((protocol) => {
    const found = measures[protocol](bank, queries, device, job.evaluations);
    return { protocol: `${found.protocol}${suffix}`, value: found.value, std: found.std ?? null, count: found.count };
  });
  return { evaluations, protocols: wanted, leftOut };
}

async function featuresOf({ folder, data, settings }: CellJob, warn: (message: string) => void) {
  const device = chosenDevice(settings.device);
  const backbone = trainedBackbone(folder, settings);
  moveNetwork(backbone, device);
  const { size, views, decodeSize, limit } = settings;
  const representation = backboneRepresentation(backbone, {
    ...{ name: folder, size, device, normalize: views[0]!.normalize },
    precision: chosenPrecision(settings.precision, device),
    ...(decodeSize !== null && { decodeSize }),
  });
  try {
    const options = limit === null ? {} : { limit };
    const labelled = await openLabelled(data, { ...options, rules: rulesOf(settings) });
    warnOfSkipped([labelled.test], warn); // of the train split training has said it
    const found = await bankAndQueries(representation, labelled, options);
    return { ...found, device, leftOut: [...found.bank.badFiles, ...found.queries.badFiles].map(({ name }) => name) };
  } finally {
    freeNetwork(backbone);
  }
}

function trainedBackbone(folder: string, { backbone, stem, width, size, views }: Settings) {
  const { model } = loadNewestCheckpoint(folder, () => {});
  const normalization = views[0]!.normalize;
  return buildBackbone({ backbone, stem, width, size, normalization, weights: backboneTensors(model.tensors) });
}
