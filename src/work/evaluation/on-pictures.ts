// Protocols that see a frozen network's features of ever new views: the pictures themselves, read again every epoch.
import {
  type Representation,
  type ScheduledLinearOptions,
  type ScheduledLinearResult,
  scheduledLinear,
  trainAndTest,
} from "../../evaluate/index.ts";
import { refuseOtherTrunk } from "../embeddings/trunk.ts";
import { Model } from "../model.ts";
import { openRepresentation } from "../representation.ts";
import { given } from "./given.ts";
import { type Circumstances, imagesOf, labelledFor } from "./on-features.ts";
import type { Asked } from "./protocol.ts";

/** A linear layer trained by a published schedule. */
export async function onPictures(
  { source, data, options }: Asked<object>,
  how: Pick<ScheduledLinearOptions, "schedule"> & { epochs?: number | undefined; batch?: number | undefined },
): Promise<ScheduledLinearResult & Circumstances> {
  const startedAt = performance.now();
  const { limit, seed, reading } = options;
  const labelled = await labelledFor(source, data, options);
  const { train, test, suffix } = trainAndTest(labelled, given({ limit, seed }));
  if (source instanceof Model) return measured(source.representation, source.name);
  const representation = openRepresentation(source, labelled.train, options);
  try {
    await refuseOtherTrunk(options.sharing, source, representation.trunk);
    return await measured(representation, source);
  } finally {
    representation.free();
  }

  async function measured(representation: Representation, opened: string) {
    const { schedule, ...rest } = how;
    const asked = { schedule, ...given({ ...rest, seed, reading }) };
    const { found, dimensions, badFiles } = await scheduledLinear(representation, { train, test }, asked);
    const { name, size, device, precision } = representation;
    const circumstances: Circumstances = {
      representation: {
        source: opened,
        ...{ name, size, features: dimensions, device, precision },
      },
      data: { name: train.name, bankImages: train.length, queryImages: found.count, badFiles: badFiles.length },
      ...imagesOf(test, found),
      seconds: { features: 0, protocol: (performance.now() - startedAt) / 1000 },
    };
    return Object.assign(found, circumstances, { protocol: `${found.protocol}${suffix}` });
  }
}
