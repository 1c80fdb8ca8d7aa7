import type { PictureSize } from "./detection-set.ts";
import type { IssueLog } from "./issues.ts";

export type Box = readonly [left: number, top: number, right: number, bottom: number];

/** Where faults are counted, and what the thing is called that has them. */
export interface Report {
  name: string;
  issues: IssueLog;
}

/** How far a box may reach over the edge without a word: annotation tools round. */
const edge = 1;

/** COCO's `[left, top, width, height]` as a box; undefined, and counted, where it is none. */
export function cocoBox(given: unknown, size: PictureSize, report: Report): Box | undefined {
  if (given === undefined || given === null) return refused("no-box", report);
  if (!isFour(given)) return refused("box-not-finite", report);
  const [left, top, width, height] = given;
  return checkedBox([left, top, left + width, top + height], size, report);
}

function isFour(given: unknown): given is [number, number, number, number] {
  return Array.isArray(given) && given.length === 4 && given.every((value) => Number.isFinite(value));
}

/** A box within its picture; undefined, and counted, where it cannot be one. */
export function checkedBox(box: Box, { width, height }: PictureSize, report: Report): Box | undefined {
  const [left, top, right, bottom] = box;
  if (!box.every((value) => Number.isFinite(value))) return refused("box-not-finite", report);
  if (right < left || bottom < top) return refused("box-inverted", report);
  if (right === left || bottom === top) return refused("box-empty", report);
  if (width === 0) return box; // the size is read from the picture later
  if (left >= width || top >= height || right <= 0 || bottom <= 0) return refused("box-outside", report);
  if (left < -edge || top < -edge || right > width + edge || bottom > height + edge)
    report.issues.add("box-over-edge", report.name);
  return box;
}

function refused(kind: Parameters<IssueLog["add"]>[0], { name, issues }: Report): undefined {
  issues.add(kind, name);
}
