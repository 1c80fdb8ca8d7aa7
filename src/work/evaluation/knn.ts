import { z } from "zod";
import { type Evaluation, evaluateKnn } from "../../evaluate/index.ts";
import { given } from "./given.ts";
import { type Circumstances, onFeatures } from "./on-features.ts";
import type { Protocol } from "./protocol.ts";

/** Options of the protocol `knn`. */
export interface KnnProtocolOptions {
  /** Neighbours. Default 200, at most a fifth of a class of the bank. */
  k?: number | undefined;
  /** Default 0.1. */
  temperature?: number | undefined;
}

/** Weighted votes of the nearest neighbours among the train split's features. */
export const knn: Protocol<KnnProtocolOptions, Evaluation & Circumstances> = {
  own: { k: z.number().int().min(1).optional(), temperature: z.number().positive().optional() },
  run: onFeatures((bank, queries, { k, temperature, device }) =>
    evaluateKnn(bank, queries, given({ k, temperature, device })),
  ),
};
