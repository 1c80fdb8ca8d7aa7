import { basename, resolve } from "node:path";
import { openImageFile } from "../../data/index.ts";
import { displayName } from "../../errors.ts";
import type { Gallery, Group } from "../../report/index.ts";
import { picturesOfIndex } from "../embeddings/found-again.ts";
import { thumbnailsOf } from "../results/thumbnails.ts";
import { circumstances, type WrittenResults, writeResults } from "../results/write-results.ts";
import type { SearchedPicture, SearchResult } from "./search.ts";

/** Writes FOLDER/search.json and FOLDER/search.html. Errors: storage. */
export async function writeSearch(folder: string, result: SearchResult): Promise<WrittenResults> {
  const { index, queries } = result;
  return writeResults(folder, "search", searchFacts(result), {
    title:
      queries.length === 1
        ? `Most like ${displayName(basename(queries[0]!.query))}`
        : `Most like ${queries.length} pictures`,
    lead: `The nearest among ${index.length.toLocaleString("en")} pictures of ${displayName(index.notes.data)}.`,
    method: [
      "Each picture is a point in the network's space of features; pictures are near where the angle between them is small. The number is the cosine of that angle: 1 is the same direction, 0 nothing in common. The search is exact.",
    ],
    sections: [{ title: "Found", groups: await groupsOf(result) }],
    facts: circumstances(
      { ...index.notes, name: result.representation, device: result.device },
      index.notes.data,
      index.length,
    ),
    commands: [],
  } satisfies Gallery);
}

/** What machines are told. */
export const searchFacts = ({ index, representation, queries }: SearchResult) => ({
  representation,
  trunk: index.notes.trunk,
  pictures: index.length,
  queries: queries.map(({ query, nearest }) => ({
    query,
    nearest: nearest.map(({ name, row, similarity }) => ({ name, row, similarity: Number(similarity.toFixed(6)) })),
  })),
});

async function groupsOf({ index, queries }: SearchResult): Promise<Group[]> {
  const rows = queries.flatMap(({ nearest }) => nearest.map(({ row }) => row));
  const pictures = await picturesOfIndex(index.notes, rows);
  const places = pictures ? rows.map(pictures.placeOf).filter((place) => place >= 0) : []; // an archive may have changed
  const uris = pictures ? await thumbnailsOf(pictures.dataset, places) : new Map<number, string>();
  const uriOf = (row: number) => pictures && uris.get(pictures.placeOf(row));
  return Promise.all(queries.map((query) => groupOf(query, uriOf)));
}

async function groupOf(
  { query, nearest }: SearchedPicture,
  uriOf: (row: number) => string | undefined,
): Promise<Group> {
  const own = await openImageFile(resolve(query))
    .then((file) => thumbnailsOf(file, [0]))
    .catch(() => undefined);
  const first = { uri: own?.get(0), name: displayName(basename(query)), note: "asked for", isFirst: true };
  const tiles = nearest.map(({ name, row, similarity }) => ({ uri: uriOf(row), name, note: similarity.toFixed(3) }));
  return { tiles: [first, ...tiles] };
}
