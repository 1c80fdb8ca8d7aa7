import { statSync } from "node:fs";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import { budgetOf, type FineTuneResult, fineTune, type LabelBudget, trainAndTest } from "../../evaluate/index.ts";
import { readRegularFile } from "../../files.ts";
import { freeNetwork } from "../../nn/index.ts";
import { refuseOtherTrunk, trunkDigest } from "../embeddings/trunk.ts";
import { given } from "./given.ts";
import { type Circumstances, imagesOf, labelledFor } from "./on-features.ts";
import type { Asked, Protocol } from "./protocol.ts";
import { type NamedTrunk, openTrunk } from "./trunk.ts";

/** Options of the protocol `finetune`. */
export interface FinetuneProtocolOptions {
  /** `1%` of each class, `10-per-class`, or a file with a name of a picture on each line, such as SimCLR's. Default "1%". */
  labels?: string | undefined;
  /** Whether the trunk stays as it is. Default false. */
  freeze?: boolean | undefined;
  /** Default 0.002. */
  backboneRate?: number | undefined;
  /** Default 0.5. */
  headRate?: number | undefined;
  /** Default 20. */
  epochs?: number | undefined;
  /** Default 256. */
  batch?: number | undefined;
  /** The row beside: `scratch` learns from first weights on the same labels. Default "scratch". */
  beside?: "scratch" | "none" | undefined;
  /** How many seeds, from `seed` on. Default 1. */
  seeds?: number | undefined;
}

const rate = z.number().positive().max(1000).optional();
const count = z.number().int().min(1).optional();

/** Trunk and head learn from few labels (arXiv 2103.03230, section 3.2). */
export const finetune: Protocol<FinetuneProtocolOptions, FineTuneResult & Circumstances> = {
  own: {
    labels: z.string().min(1).optional(),
    freeze: z.boolean().optional(),
    backboneRate: rate,
    headRate: rate,
    epochs: count,
    batch: z.number().int().min(2).optional(),
    beside: z.enum(["scratch", "none"]).optional(),
    seeds: count,
  },
  isRunByAll: () => true,
  run,
};

async function run({ source, data, options }: Asked<FinetuneProtocolOptions>) {
  const { labels = "1%", limit, seed, warn } = options;
  const budget = budgetOf(labels) ?? readList(labels);
  const labelled = await labelledFor(source, data, options);
  const { train, test, suffix } = trainAndTest(labelled, given({ limit, seed }));
  const trunk = openTrunk(source, train, given({ ...options, warn }));
  await refuseOtherTrunk(options.sharing, trunk.source, () => digestOf(trunk));
  const startedAt = performance.now();
  const { found, badFiles } = await fineTune({ trunk, train, test }, { ...given(options), labels: budget });
  const { name, size, features, device, precision } = trunk;
  const circumstances: Circumstances = {
    representation: { source: trunk.source, name, size, features, device, precision },
    data: { name: train.name, bankImages: train.length, queryImages: found.count / found.seeds.length, badFiles },
    ...imagesOf(test, found),
    seconds: { features: 0, protocol: (performance.now() - startedAt) / 1000 },
  };
  return { ...found, ...circumstances, protocol: `${found.protocol}${suffix}` };
}

function digestOf(trunk: NamedTrunk): string {
  const network = trunk.trained();
  try {
    return trunkDigest(network, trunk);
  } finally {
    freeNetwork(network);
  }
}

/** A name on each line; empty lines and what follows a `#` at a line's start are passed over. Errors: configuration, data. */
function readList(file: string): LabelBudget {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new SelfsightError(
      "configuration",
      `finetune: labels ${displayName(file)}; a share such as 1%, a number such as 10-per-class or a file of names is needed; check the path`,
    );
  const lines = readRegularFile(file).toString("utf8").split(/\r?\n/);
  const names = lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  return { kind: "list", names, file };
}
