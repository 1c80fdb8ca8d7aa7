import { z } from "zod";
import { type FewShotResult, fewShot as measure } from "../../evaluate/index.ts";
import { given } from "./given.ts";
import { type Circumstances, onFeatures } from "./on-features.ts";
import type { Protocol } from "./protocol.ts";

/** Options of the protocol `few-shot`. */
export interface FewShotProtocolOptions {
  /** Labels a class. Default 10. */
  labels?: number | undefined;
  /** Draws of labels. Default 10. */
  draws?: number | undefined;
}

/** Logistic regression on the features of a few labelled pictures. */
export const fewShot: Protocol<FewShotProtocolOptions, FewShotResult & Circumstances> = {
  own: { labels: z.number().int().min(1).optional(), draws: z.number().int().min(1).optional() },
  run: onFeatures((bank, queries, { labels, draws, seed, device }) =>
    measure(bank, queries, given({ labels, draws, seed, device })),
  ),
};
