// N pictures, k clusters
import { CallError, SelfsightError } from "../../errors.ts";
import type { Features } from "../../evaluate/index.ts";
import { type FeatureOptions, featuresOf, type OpenWork } from "../open-work.ts";
import { pictureName } from "../pictures.ts";
import { centred } from "../results/centred.ts";
import { chooseK, silhouette, type TriedK } from "./choose-k.ts";
import { kMeans } from "./k-means.ts";

export interface ClusterOptions extends FeatureOptions {
  /** How many groups. Default: the number from 2 to 40 with the largest silhouette. */
  k?: number | undefined;
  /** Of the first centres. Default 0. */
  seed?: number | undefined;
}

export interface ClusteredPicture {
  name: string;
  index: number;
  /** Cosine with the centre of its group, -1 to 1, the mean of all pictures taken off. */
  similarity: number;
}

export interface Clusters {
  representation: string;
  data: string;
  pictures: number;
  k: number;
  /** How well groups are apart, -1 to 1: mean silhouette against centres. */
  silhouette: number;
  /** What each number of groups scored, where it was chosen. */
  tried: TriedK[];
  /** The largest first; in each the most typical picture first. */
  clusters: { pictures: ClusteredPicture[] }[];
  badFiles: { name: string; reason: string }[];
}

/** Of what is open. Errors: data, numerics. */
export async function clustersOf(work: OpenWork, options: ClusterOptions): Promise<Clusters> {
  const { k, seed = 0 } = options;
  if (k !== undefined && (!Number.isInteger(k) || k < 2))
    throw new CallError(`cluster: k ${k}; a whole number from 2 is needed; leave it out to have it chosen`);
  const features = await featuresOf(work, options);
  refuseTooFew(features, k ?? 2);
  const table = centred(features);
  const chosen = k === undefined ? chooseK(table, seed) : { k, tried: [] };
  const found = kMeans(table, chosen.k, seed);
  const { dataset } = work.pictures;
  const members = Array.from({ length: found.k }, (): ClusteredPicture[] => []);
  found.clusters.forEach((cluster, row) => {
    const index = features.indices[row]!;
    members[cluster]!.push({ name: pictureName(dataset, index), index, similarity: found.similarities[row]! });
  });
  for (const own of members) own.sort((a, b) => b.similarity - a.similarity);
  return {
    representation: work.representation.name,
    data: dataset.name,
    pictures: features.length,
    k: found.k,
    silhouette: silhouette(found),
    tried: chosen.tried,
    clusters: members.map((pictures) => ({ pictures })).sort((a, b) => b.pictures.length - a.pictures.length),
    badFiles: features.badFiles.map(({ name, reason }) => ({ name, reason })),
  };
}

function refuseTooFew({ length, dataset }: Features, k: number): void {
  if (length >= k) return;
  throw new SelfsightError(
    "data",
    `cluster: ${dataset} has ${length} pictures, ${k} groups were asked for; at least one picture a group is needed; ask for fewer`,
  );
}
