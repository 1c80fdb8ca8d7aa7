import { z } from "zod";
import { type MultiLabelData, openMultiLabel } from "../../data/annotations/index.ts";
import { SelfsightError } from "../../errors.ts";
import {
  extractFeatures,
  type LinearProbeResult,
  type MultiLabelFeatures,
  oneAgainstRest,
  type Representation,
  type ScheduledLinearResult,
  type SvmResult,
} from "../../evaluate/index.ts";
import { Model } from "../model.ts";
import { openRepresentation, rulesOfSource } from "../representation.ts";
import { given } from "./given.ts";
import { linear } from "./linear.ts";
import type { Circumstances } from "./on-features.ts";
import { onPictures } from "./on-pictures.ts";
import type { Asked, Protocol } from "./protocol.ts";

/** Options of the protocol `transfer`. */
export interface TransferProtocolOptions {
  /** A linear layer: `cached` as `evaluate linear`, or by the papers' schedule for Places-205 or iNaturalist 2018. Default "cached". */
  schedule?: "cached" | "places205" | "inat18" | undefined;
  /** Support vector machines, one class against the rest, on pictures of several classes each, as on VOC07. Default false. */
  svm?: boolean | undefined;
  /** Default: the schedule's. */
  epochs?: number | undefined;
  /** Of the papers' schedules. Default 256; the rate is scaled by batch / 256. */
  batch?: number | undefined;
}

export type TransferReport = (LinearProbeResult | ScheduledLinearResult | SvmResult) & Circumstances;

/** Frozen features on a set that they were not learned from (arXiv 2103.03230, section 3.3). */
export const transfer: Protocol<TransferProtocolOptions, TransferReport> = {
  own: {
    schedule: z.enum(["cached", "places205", "inat18"]).optional(),
    svm: z.boolean().optional(),
    epochs: z.number().int().min(1).optional(),
    batch: z.number().int().min(2).optional(),
  },
  isRunByAll: ({ schedule, svm = false }) => !svm && schedule !== undefined && schedule !== "cached",
  async run(asked) {
    const { schedule, svm = false, epochs, batch } = asked.options;
    if (svm) return machines(asked);
    if (schedule !== undefined && schedule !== "cached") return onPictures(asked, { schedule, epochs, batch });
    return linear.run(asked);
  },
};

async function machines(asked: Asked<TransferProtocolOptions>): Promise<SvmResult & Circumstances> {
  const { source, data, options } = asked;
  refuseIdle(options);
  const rules = {
    ...(source instanceof Model ? source.representation.rules : rulesOfSource(source)),
    ...options.rules,
  };
  const { limit, split = "test" } = options;
  if (split !== "test" && split !== "val") throw noSplit(split);
  const train = await openMultiLabel(data, { split: "train", ...given({ limit, rules }) });
  const test = await openMultiLabel(data, { split, ...given({ limit, rules }) });
  if (source instanceof Model) return machinesOn(source.representation, source.name, { train, test }, asked);
  const representation = openRepresentation(source, undefined, options);
  try {
    return await machinesOn(representation, source, { train, test }, asked);
  } finally {
    representation.free();
  }
}

interface Parts {
  train: MultiLabelData;
  test: MultiLabelData;
}

async function machinesOn(
  representation: Representation,
  source: string,
  { train, test }: Parts,
  { options: { limit, split, seed, reading = () => ({}) } }: Asked<TransferProtocolOptions>,
): Promise<SvmResult & Circumstances> {
  const startedAt = performance.now();
  const bad = new Set<string>();
  const featuresOf = async ({ pictures, labels, names }: MultiLabelData): Promise<MultiLabelFeatures> => {
    const { end, ...told }: ReturnType<typeof reading> = reading(pictures);
    const found = await extractFeatures(representation, pictures, told).finally(end);
    for (const { name } of found.badFiles) bad.add(name);
    const rows = Array.from(found.indices, (place) =>
      labels.subarray(place * names.length, (place + 1) * names.length),
    );
    return { ...found, names, labels: Int8Array.from(rows.flatMap((row) => [...row])) };
  };
  const [bank, queries] = [await featuresOf(train), await featuresOf(test)];
  const extractedAt = performance.now();
  const found = oneAgainstRest(bank, queries, given({ seed }));
  const { name, size, device, precision } = representation;
  const suffix = `${split === "val" ? ", val split" : ""}${limit === undefined ? "" : `, at most ${limit} images a split`}`;
  return {
    ...found,
    protocol: `${found.protocol}${suffix}`,
    notes: [...new Set([...train.notes, ...test.notes]), ...found.notes],
    representation: { source, name, size, features: bank.dimensions, device, precision },
    data: { name: bank.dataset, bankImages: bank.length, queryImages: queries.length, badFiles: bad.size },
    seconds: { features: (extractedAt - startedAt) / 1000, protocol: (performance.now() - extractedAt) / 1000 },
  };
}

/** What would do nothing beside the machines. */
function refuseIdle(options: TransferProtocolOptions): void {
  const idle = (["schedule", "epochs", "batch"] as const).find((option) => options[option] !== undefined);
  if (idle === undefined) return;
  throw new SelfsightError(
    "configuration",
    `evaluate transfer: ${idle} ${options[idle]} with svm, which has no epochs; leave one of them out`,
  );
}

const noSplit = (split: string) =>
  new SelfsightError(
    "configuration",
    `evaluate transfer: split ${split} with svm; it learns from train and is measured on test or val; choose one of these`,
  );
