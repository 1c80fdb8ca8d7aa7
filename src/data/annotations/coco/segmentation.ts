import { decompressedCounts } from "../../masks/compressed.ts";
import type { RunLengths } from "../../masks/run-lengths.ts";
import type { Report } from "../boxes.ts";
import type { PictureSize, StoredMask } from "../detection-set.ts";

/** Polygons or run lengths as COCO writes them; undefined where there are none, and counted where they cannot be read. */
export function cocoMask(given: unknown, size: PictureSize, report: Report): StoredMask | undefined {
  if (given === undefined || given === null) return undefined;
  if (Array.isArray(given)) return polygonsOf(given, size, report);
  if (typeof given === "object") return runsOf(given as Record<string, unknown>, size, report);
  report.issues.add("mask-unreadable", report.name);
  return undefined;
}

function polygonsOf(given: unknown[], size: PictureSize, report: Report): StoredMask | undefined {
  const polygons = given.flatMap((corners) => polygonOf(corners, size, report) ?? []);
  return polygons.length > 0 ? { polygons } : undefined;
}

function polygonOf(
  corners: unknown,
  { width, height }: PictureSize,
  { name, issues }: Report,
): Float64Array | undefined {
  const isPairs = Array.isArray(corners) && corners.length % 2 === 0;
  if (!isPairs || !corners.every((value) => Number.isFinite(value))) issues.add("polygon-not-finite", name);
  else if (corners.length < 6) issues.add("polygon-too-short", name);
  else if (width > 0 && !staysNear(corners, width, height)) issues.add("polygon-outside", name);
  else return Float64Array.from(corners);
  return undefined;
}

/** Within one picture's size around the picture: drawing what lies farther away would only take time. */
const staysNear = (corners: readonly number[], width: number, height: number): boolean =>
  corners.every((value, at) => {
    const side = at % 2 === 0 ? width : height;
    return value >= -side && value <= 2 * side;
  });

/** `{ size: [height, width], counts }`, compressed where the counts are a text. */
function runsOf(
  { size, counts }: Record<string, unknown>,
  picture: PictureSize,
  report: Report,
): RunLengths | undefined {
  const { name, issues } = report;
  const runs = countsOf(counts);
  if (!runs) issues.add("mask-unreadable", name);
  else if (!isSize(size) || (picture.width > 0 && (size[0] !== picture.height || size[1] !== picture.width)))
    issues.add("mask-size", name);
  else if (runs.reduce((sum, count) => sum + count, 0) !== size[0] * size[1]) issues.add("mask-length", name);
  else return { height: size[0], width: size[1], counts: runs };
  return undefined;
}

const isSize = (size: unknown): size is [height: number, width: number] =>
  Array.isArray(size) && size.length === 2 && size.every((side) => Number.isInteger(side) && side > 0);

function countsOf(counts: unknown): Uint32Array | undefined {
  if (typeof counts === "string") return decompressedCounts(counts);
  if (!Array.isArray(counts)) return undefined;
  const isCount = (count: unknown) =>
    Number.isInteger(count) && (count as number) >= 0 && (count as number) <= 0xffffffff;
  return counts.every(isCount) ? Uint32Array.from(counts) : undefined;
}
