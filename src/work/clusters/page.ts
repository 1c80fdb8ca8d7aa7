import { displayName } from "../../errors.ts";
import type { Gallery } from "../../report/index.ts";
import type { OpenWork } from "../open-work.ts";
import { thumbnailsOf } from "../results/thumbnails.ts";
import { circumstances, type WrittenResults, writeResults } from "../results/write-results.ts";
import type { Clusters } from "./find.ts";

/** Pictures of a group that a page bears: the most typical, and the least. */
const [mostTypical, leastTypical] = [14, 7];

/** What machines are told. */
export const clusterFacts = ({ clusters, silhouette, tried, ...facts }: Clusters) => ({
  ...facts,
  silhouette: Number(silhouette.toFixed(4)),
  tried: tried.map((own) => ({ k: own.k, silhouette: Number(own.silhouette.toFixed(4)) })),
  clusters: clusters.map(({ pictures }, cluster) => ({
    cluster,
    count: pictures.length,
    pictures: pictures.map(({ name, similarity }) => ({ name, similarity: Number(similarity.toFixed(4)) })),
  })),
});

/** Where k comes from. */
export function chosenText({ k, tried, silhouette }: Clusters): string {
  const apart = `silhouette ${silhouette.toFixed(3)} (1 is far apart, 0 is none)`;
  if (tried.length === 0) return `${k} groups, as asked for; ${apart}.`;
  const list = tried.map((own) => `${own.k}: ${own.silhouette.toFixed(3)}`).join(", ");
  return `${k} groups: of the numbers that were tried the one with the largest silhouette (${list}).`;
}

/** Writes FOLDER/clusters.json and FOLDER/clusters.html. Errors: storage. */
export async function writeClusters(
  folder: string,
  found: Clusters,
  { pictures: { dataset }, representation }: OpenWork,
): Promise<WrittenResults> {
  const shown = found.clusters.map(({ pictures }) => ({
    count: pictures.length,
    typical: pictures.slice(0, mostTypical),
    least: pictures.slice(Math.max(mostTypical, pictures.length - leastTypical)),
  }));
  const uris = await thumbnailsOf(
    dataset,
    shown.flatMap(({ typical, least }) => [...typical, ...least].map(({ index }) => index)),
  );
  const tile = ({ name, index, similarity }: { name: string; index: number; similarity: number }) => ({
    uri: uris.get(index),
    name,
    note: similarity.toFixed(3),
  });
  return writeResults(folder, "clusters", clusterFacts(found), {
    title: `${found.k} groups of pictures`,
    lead: `${found.pictures.toLocaleString("en")} pictures of ${displayName(found.data)}, sorted by what the network sees alike. Nobody named the groups; their numbers mean nothing.`,
    method: [
      "Each picture is a direction in the network's space of features, the mean of all taken off. k-means (spherical, seeded by k-means++ with a key) looks for directions that many pictures share. The number below a picture is the cosine with its group's centre: 1 is typical.",
      chosenText(found),
    ],
    sections: shown.map(({ count, typical, least }, cluster) => ({
      title: `Group ${cluster}: ${count} pictures`,
      groups: [
        { title: "Most typical", tiles: typical.map(tile) },
        ...(least.length > 0 ? [{ title: "Least typical", tiles: least.map(tile) }] : []),
      ],
    })),
    facts: circumstances(representation, found.data, found.pictures),
    commands: [],
  } satisfies Gallery);
}
