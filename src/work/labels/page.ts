import { displayName } from "../../errors.ts";
import { type Gallery, percent } from "../../report/index.ts";
import type { OpenWork } from "../open-work.ts";
import { thumbnailsOf } from "../results/thumbnails.ts";
import { circumstances, type WrittenResults, writeResults } from "../results/write-results.ts";
import type { Classified, ClassifiedPicture } from "./find.ts";

/** Pictures of a class that a page bears: the surest and the least sure. */
const [mostSure, leastSure] = [14, 7];

const round = (value: number): number => Number(value.toFixed(4));

const pictureFacts = ({ index: _, confidence, secondConfidence, ...picture }: ClassifiedPicture) => ({
  ...picture,
  confidence: round(confidence),
  secondConfidence: round(secondConfidence),
});

/** What machines are told. */
export const classifyFacts = ({ pictures, teach, ...facts }: Classified) => ({
  ...facts,
  pictures: pictures.map(pictureFacts),
  teach: teach.map(pictureFacts),
});

/** One sentence on what was found. */
export function describeClassified({ pictures, classes, labelled, data }: Classified): string {
  const known = labelled.reduce((sum, own) => sum + own, 0);
  const counts = classes.map((name) => `${displayName(name)} ${pictures.filter(({ label }) => label === name).length}`);
  return `From ${known} labelled pictures (${classes.map((name, i) => `${displayName(name)} ${labelled[i]}`).join(", ")}) ${pictures.length.toLocaleString("en")} others of ${displayName(data)}: ${counts.join(", ")}.`;
}

/** How much of it to believe. */
export function confidenceText({ calibration: { tested, right, meanConfidence, scale } }: Classified): string {
  if (tested === 0)
    return "No class has two labels, so nothing can be said about how sure to be: confidences are the classifier's own.";
  return `Of ${tested} labelled pictures, left out in turn, ${right} are answered rightly (${percent(right / tested)}), at a mean confidence of ${percent(meanConfidence)}: logits are multiplied by ${scale.toPrecision(3)} so that the two agree.`;
}

/** Writes FOLDER/classes.json and FOLDER/classes.html. Errors: storage. */
export async function writeClassified(
  folder: string,
  found: Classified,
  { pictures: { dataset }, representation }: OpenWork,
): Promise<WrittenResults> {
  const shown = found.classes.map((name) => {
    const own = found.pictures.filter(({ label }) => label === name);
    return {
      name,
      count: own.length,
      sure: own.slice(0, mostSure),
      unsure: own.slice(Math.max(mostSure, own.length - leastSure)).reverse(),
    };
  });
  const all = [...found.teach, ...shown.flatMap(({ sure, unsure }) => [...sure, ...unsure])];
  const uris = await thumbnailsOf(
    dataset,
    all.map(({ index }) => index),
  );
  const tile = ({ index, name, label, confidence, second }: ClassifiedPicture) => ({
    uri: uris.get(index),
    name,
    note: `${displayName(label)} ${percent(confidence)}${confidence < 0.8 ? `, or ${displayName(second)}` : ""}`,
  });
  return writeResults(folder, "classes", classifyFacts(found), {
    title: `${found.pictures.length.toLocaleString("en")} pictures in ${found.classes.length} classes`,
    lead: describeClassified(found),
    method: [
      "A linear classifier (logistic regression on features of unit length, the mean of all taken off) learned from the labelled pictures alone.",
      confidenceText(found),
    ],
    sections: [
      ...(found.teach.length > 0
        ? [
            {
              title: `These ${found.teach.length} would teach most`,
              text: "Label these next: the classifier is in doubt about each, and no two are much alike.",
              groups: [{ tiles: found.teach.map(tile) }],
            },
          ]
        : []),
      ...shown.map(({ name, count, sure, unsure }) => ({
        title: `${displayName(name)}: ${count} pictures`,
        groups: [
          { title: "The surest", tiles: sure.map(tile) },
          ...(unsure.length > 0 ? [{ title: "The least sure", tiles: unsure.map(tile) }] : []),
        ],
      })),
    ],
    facts: circumstances(representation, found.data, found.pictures.length),
    commands: [],
  } satisfies Gallery);
}
