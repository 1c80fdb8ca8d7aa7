import { z } from "zod";
import { SelfsightError } from "../../errors.ts";
import { type LinearProbeResult, linearProbe, type ScheduledLinearResult } from "../../evaluate/index.ts";
import { given } from "./given.ts";
import { type Circumstances, onFeatures } from "./on-features.ts";
import { onPictures } from "./on-pictures.ts";
import type { Protocol } from "./protocol.ts";

/** Options of the protocol `linear`. */
export interface LinearProtocolOptions {
  /** `cached`: on features that are computed once; `imagenet`: as published, on new crops in every epoch. Default "cached". */
  protocol?: "cached" | "imagenet" | undefined;
  /** Default 100. */
  epochs?: number | undefined;
  /** Of `imagenet`. Default 256; the rate is scaled by batch / 256. */
  batch?: number | undefined;
}

/** One linear layer on the frozen features. */
export const linear: Protocol<LinearProtocolOptions, (LinearProbeResult | ScheduledLinearResult) & Circumstances> = {
  own: {
    protocol: z.enum(["cached", "imagenet"]).optional(),
    epochs: z.number().int().min(1).optional(),
    batch: z.number().int().min(2).optional(),
  },
  isRunByAll: ({ protocol }) => protocol === "imagenet",
  async run(asked) {
    const { protocol = "cached", epochs, batch } = asked.options;
    if (protocol === "imagenet") return onPictures(asked, { schedule: "imagenet", epochs, batch });
    if (batch !== undefined) throw idleBatch(batch);
    return cached(asked);
  },
};

const cached = onFeatures<LinearProtocolOptions, LinearProbeResult>((bank, queries, { epochs, seed, device }) =>
  linearProbe(bank, queries, given({ epochs, seed, device })),
);

const idleBatch = (batch: number) =>
  new SelfsightError(
    "configuration",
    `evaluate linear: batch ${batch} with cached features, whose batches are 256; it is an option of the published protocol; leave it out, or give --protocol imagenet`,
  );
