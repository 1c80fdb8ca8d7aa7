// N pictures, D features, k clusters
import { type FeatureTable, rowsAt } from "../../evaluate/index.ts";
import { keyedPermutation } from "../../random.ts";
import { type Clustering, kMeans } from "./k-means.ts";

/** How each number of clusters did. */
export interface TriedK {
  k: number;
  /** Mean silhouette against centres, -1 to 1. */
  silhouette: number;
}

const mostTried = 5000;
const sampleKey = 0x73696c68;
const candidates = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 40];

/**
 * Mean of (b - a) / max(a, b), where a is a row's distance 1 - cosine from its own centre and b from the nearest other one: the
 * simplified silhouette (Hruschka et al. 2004). 1: far from every other cluster; 0: between two.
 */
export function silhouette({ similarities, nextSimilarities }: Clustering): number {
  let sum = 0;
  for (const [row, own] of similarities.entries()) {
    const [a, b] = [Math.max(0, 1 - own), Math.max(0, 1 - nextSimilarities[row]!)];
    sum += (b - a) / Math.max(a, b, 1e-12);
  }
  return sum / similarities.length;
}

/** The k of 2 to 40, at most a fifth of the pictures, with the largest silhouette, tried on at most 5,000 of them. */
export function chooseK(table: FeatureTable, seed = 0): { k: number; tried: TriedK[] } {
  const sample = sampled(table, seed);
  const possible = candidates.filter((k) => k === 2 || k <= table.length / 5);
  const tried = possible.map((k) => ({ k, silhouette: silhouette(kMeans(sample, k, seed)) }));
  const best = tried.reduce((most, own) => (own.silhouette > most.silhouette ? own : most));
  return { k: best.k, tried };
}

function sampled(table: FeatureTable, seed: number): FeatureTable {
  if (table.length <= mostTried) return table;
  const places = keyedPermutation(table.length, seed, sampleKey).subarray(0, mostTried);
  return rowsAt(table, places);
}
