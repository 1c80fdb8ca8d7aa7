import { displayName } from "../../errors.ts";
import type { Gallery, Group } from "../../report/index.ts";
import { percent } from "../../report/index.ts";
import type { OpenWork } from "../open-work.ts";
import { thumbnailsOf } from "../results/thumbnails.ts";
import { circumstances, type WrittenResults, writeResults } from "../results/write-results.ts";
import type { Calibration } from "./calibration.ts";
import type { DuplicateGroup, DuplicatePicture, Duplicates } from "./find.ts";

/** Groups and pictures of a group that a page bears; the rest is in the JSON. */
const [mostGroups, mostPictures] = [100, 12];

/** What machines are told. */
export const duplicateFacts = ({ groups, ...facts }: Duplicates) => ({
  ...facts,
  duplicates: groups.reduce((sum, { pictures }) => sum + pictures.length - 1, 0),
  groups: groups.map(({ pictures }) => ({
    pictures: pictures.map(({ name, likeness, score }) => ({
      name,
      ...(likeness && { likeness, score: Number(score!.toFixed(4)) }),
    })),
  })),
});

/** Writes FOLDER/duplicates.json and FOLDER/duplicates.html. Errors: storage. */
export async function writeDuplicates(
  folder: string,
  found: Duplicates,
  { pictures: { dataset }, representation }: OpenWork,
): Promise<WrittenResults> {
  const facts = duplicateFacts(found);
  const shown = found.groups.slice(0, mostGroups);
  const uris = await thumbnailsOf(
    dataset,
    shown.flatMap(({ pictures }) => pictures.slice(0, mostPictures).map(({ index }) => index)),
  );
  return writeResults(folder, "duplicates", facts, {
    title: found.groups.length === 0 ? "No picture is there twice" : `${facts.duplicates} pictures too many`,
    lead: describeDuplicates(found),
    method: [methodText, ...calibrationTexts(found.calibration)],
    sections: [
      {
        title: "Groups",
        text: `The largest file stands first, with a blue frame; the number says how well each of the others lies on it.${shown.length < found.groups.length ? ` The first ${mostGroups} of ${found.groups.length} groups; all are in duplicates.json.` : ""}`,
        groups: shown.map((group) => groupOf(group, uris)),
      },
    ],
    facts: circumstances(representation, found.data, found.pictures),
    commands: [],
  } satisfies Gallery);
}

/** One sentence on what was found. */
export function describeDuplicates({ groups, pictures, data }: Duplicates): string {
  const all = groups.flatMap((group) => group.pictures);
  const count = (likeness: DuplicatePicture["likeness"]) =>
    all.filter((picture) => picture.likeness === likeness).length;
  const kinds = (["same bytes", "same pixels", "near"] as const).map((kind) => `${count(kind)} ${kind}`);
  return `${pictures.toLocaleString("en")} pictures of ${displayName(data)}: ${groups.length} ${groups.length === 1 ? "group" : "groups"} of duplicates, ${all.length - groups.length} pictures beside the first of each (${kinds.join(", ")}).`;
}

const methodText =
  "The network says which pictures may be alike: of each the nearest in features, a picture and its mirror image counting as one. Whether they are is then seen in the pixels: one is laid on the other, whole or on a part of it, as it is and mirrored, and the score is their correlation at the best place.";

/** Where the threshold comes from and what may be expected of it. */
export function calibrationTexts(own: Calibration): string[] {
  const { threshold, isGiven, sampled, copiesScore, strangersScore, strangerPairs, found, foundByKind, falseShare } =
    own;
  const kinds = Object.entries(foundByKind).map(([kind, share]) => `${kind} ${percent(share)}`);
  return [
    `Threshold ${threshold.toFixed(3)}, ${isGiven ? "as it was asked for" : "set by these pictures themselves, without labels"}: copies were made of ${sampled} of them, and 99 in 100 score ${copiesScore.toFixed(3)} or more; ${strangerPairs.toLocaleString("en")} pairs that are no copies (neighbours and others, one of them upside down; others as they are) score ${strangersScore.toFixed(3)} at most, but for 1 in 1,000 of the turned ones and 1 in 100 of the others.`,
    `At this threshold ${percent(found)} of those copies are found (${kinds.join(", ")}), and ${percent(falseShare)} of the turned pairs would be taken for some.`,
  ];
}

const groupOf = ({ pictures }: DuplicateGroup, uris: Map<number, string>): Group => ({
  title: `${pictures.length} pictures`,
  ...(pictures.length > mostPictures && { text: `The first ${mostPictures} of them.` }),
  tiles: pictures.slice(0, mostPictures).map(({ name, index, likeness, score }) => ({
    uri: uris.get(index),
    name,
    note: likeness === undefined ? "largest file" : `${likeness}, ${score!.toFixed(3)}`,
    isFirst: likeness === undefined,
  })),
});
