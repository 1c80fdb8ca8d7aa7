import { describeIssue } from "../../../data/annotations/index.ts";
import { displayName } from "../../../errors.ts";
import { type ScoreReport, scoreResults } from "../../../work/scoring/score.ts";
import { warn } from "../../terminal/warn.ts";

interface Options {
  data: string;
  boxes?: true | undefined;
  masks?: true | undefined;
  anyClass?: true | undefined;
  split?: string | undefined;
  json?: true | undefined;
}

/** `selfsight score RESULTS.json --data ANNOTATIONS`. */
export async function score(results: string, { data, masks, anyClass, split, json }: Options): Promise<void> {
  const report = await scoreResults(results, data, {
    of: masks ? "masks" : "boxes",
    classAgnostic: anyClass === true,
    ...(split !== undefined && { split }),
  });
  if (json) console.log(JSON.stringify(report, null, 2));
  else print(report, masks ? "masks" : "boxes");
}

const meanings = {
  AP: "mean over overlaps 0.50 to 0.95",
  AP50: "at an overlap of 0.50",
  AP75: "at an overlap of 0.75",
  APsmall: "objects below 32² pixels",
  APmedium: "objects of 32² to 96² pixels",
  APlarge: "objects above 96² pixels",
  AR1: "recall with 1 detection a picture",
  AR10: "recall with 10",
  AR100: "recall with 100",
  ARsmall: "recall of objects below 32² pixels",
  ARmedium: "recall of objects of 32² to 96² pixels",
  ARlarge: "recall of objects above 96² pixels",
} as const;

function print(report: ScoreReport, of: string): void {
  for (const issue of [...report.issues, ...report.resultIssues]) warn(describeIssue(issue));
  const classes = report.classAgnostic ? ", any class" : "";
  const { data, split, images, objects, detections } = report;
  console.log(
    `${of}${classes}, ${displayName(data)} (${displayName(split)}): ${images} pictures, ${objects} objects, ${detections} detections`,
  );
  for (const [name, meaning] of Object.entries(meanings))
    console.log(`${name.padEnd(9)} ${percent(report[name as keyof typeof meanings])}  ${meaning}`);
}

/** Nothing to find is no zero. */
const percent = (value: number | null): string => (value === null ? "     -" : (100 * value).toFixed(2).padStart(6));
