import { displayName } from "../../errors.ts";
import type { Gallery } from "../../report/index.ts";
import type { OpenWork } from "../open-work.ts";
import { thumbnailsOf } from "../results/thumbnails.ts";
import { circumstances, type WrittenResults, writeResults } from "../results/write-results.ts";
import type { Outliers } from "./find.ts";

/** Pictures that a page bears at most, and at least where there are so many. */
const [mostShown, leastShown] = [60, 12];

/** What machines are told. */
export const outlierFacts = ({ ranked, median, limit, ...facts }: Outliers) => ({
  ...facts,
  median: Number(median.toFixed(6)),
  limit: Number(limit.toFixed(6)),
  outliers: ranked.filter(({ isOutlier }) => isOutlier).length,
  ranked: ranked.map(({ name, distance, isOutlier, nearest }) => ({
    name,
    distance: Number(distance.toFixed(6)),
    isOutlier,
    nearest: nearest.map((own) => own.name),
  })),
});

/** One sentence on what was found. */
export function describeOutliers({ ranked, pictures, data, median, limit }: Outliers): string {
  const count = ranked.filter(({ isOutlier }) => isOutlier).length;
  const are = count === 1 ? "1 picture is" : `${count} pictures are`;
  return `${are} unlike the others, of ${pictures.toLocaleString("en")} of ${displayName(data)}: farther than ${limit.toFixed(3)} from even their nearest, where ${median.toFixed(3)} is usual.`;
}

/** How it was found. */
export const outlierMethod = ({ neighbours }: Outliers): string =>
  `The distance of a picture is the mean of 1 - cosine to its ${neighbours} nearest in features. The limit is the third quartile of all distances and 1.5 times the range between the quartiles more (Tukey's fence).`;

/** Writes FOLDER/outliers.json and FOLDER/outliers.html. Errors: storage. */
export async function writeOutliers(
  folder: string,
  found: Outliers,
  { pictures: { dataset }, representation }: OpenWork,
): Promise<WrittenResults> {
  const beyond = found.ranked.filter(({ isOutlier }) => isOutlier).length;
  const shown = found.ranked.slice(0, Math.min(mostShown, Math.max(leastShown, beyond)));
  const uris = await thumbnailsOf(
    dataset,
    shown.flatMap(({ index, nearest }) => [index, ...nearest.map((own) => own.index)]),
  );
  return writeResults(folder, "outliers", outlierFacts(found), {
    title: beyond === 0 ? "No picture stands apart" : `${beyond} pictures stand apart`,
    lead: describeOutliers(found),
    method: [outlierMethod(found)],
    sections: [
      {
        title: "The farthest first",
        text: "With a blue frame the picture, beside it those that are nearest to it all the same.",
        groups: shown.map(({ name, index, distance, isOutlier, nearest }) => ({
          tiles: [
            {
              uri: uris.get(index),
              name,
              note: `${distance.toFixed(3)}${isOutlier ? "" : ", within the limit"}`,
              isFirst: true,
            },
            ...nearest.map((own) => ({ uri: uris.get(own.index), name: own.name, note: "nearest" })),
          ],
        })),
      },
    ],
    facts: circumstances(representation, found.data, found.pictures),
    commands: [],
  } satisfies Gallery);
}
