// Features whose classes are clusters around known centres: made from a keyed stream, so the same everywhere.
import type { Features } from "../src/evaluate/index.ts";
import { keyedStream } from "../src/random.ts";

export interface Clusters {
  classes: number;
  perClass: number;
  dimensions: number;
  /** Distance of the centres from the origin; the noise around them is uniform in ±1. */
  distance: number;
  seed?: number;
  /** Of the centres; sets with the same one belong together. Default 0. */
  centreSeed?: number;
}

export function labelledClusters(options: Clusters): Features & { labels: Int32Array } {
  const { classes, perClass, dimensions, distance, seed = 0, centreSeed = 0 } = options;
  const noise = keyedStream(seed, 1);
  const centre = keyedStream(centreSeed, 2);
  const centres = Float64Array.from({ length: classes * dimensions }, () => distance * (2 * centre() - 1));
  const length = classes * perClass;
  const labels = Int32Array.from({ length }, (_, i) => i % classes);
  const values = Float32Array.from({ length: length * dimensions }, (_, i) => {
    const label = labels[Math.floor(i / dimensions)]!;
    return centres[label * dimensions + (i % dimensions)]! + 2 * noise() - 1;
  });
  return {
    values,
    length,
    dimensions,
    indices: Uint32Array.from({ length }, (_, i) => i),
    labels,
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    dataset: "clusters",
    badFiles: [],
    remarks: [],
  };
}

/** The same features with labels drawn by chance. */
export function withRandomLabels(features: Features, seed: number): Features & { labels: Int32Array } {
  const random = keyedStream(seed, 3);
  const classes = features.classes!.length;
  return { ...features, labels: Int32Array.from({ length: features.length }, () => Math.floor(classes * random())) };
}
