import { z } from "zod";
import { type LinearProbeResult, linearProbe } from "../../evaluate/index.ts";
import { given } from "./given.ts";
import { type Circumstances, onFeatures } from "./on-features.ts";
import type { Protocol } from "./protocol.ts";

/** Options of the protocol `linear`. */
export interface LinearProtocolOptions {
  /** Default 100. */
  epochs?: number | undefined;
}

/** One linear layer on the frozen features. */
export const linear: Protocol<LinearProtocolOptions, LinearProbeResult & Circumstances> = {
  own: { epochs: z.number().int().min(1).optional() },
  run: onFeatures((bank, queries, { epochs, seed, device }) =>
    linearProbe(bank, queries, given({ epochs, seed, device })),
  ),
};
