// D detections, G ground truths
import { maskArea, type RunLengths } from "./run-lengths.ts";

/**
 * Intersection over union of each detection's mask with each ground truth's; of a crowd, intersection over the detection's own area.
 * Masks are of one size.
 */
export function maskOverlaps(
  detections: readonly RunLengths[],
  groundTruths: readonly RunLengths[],
  isCrowd: Uint8Array,
): Float64Array {
  const overlaps = new Float64Array(detections.length * groundTruths.length); // [D, G]
  const areas = groundTruths.map(maskArea);
  const spans = groundTruths.map(columnSpan);
  detections.forEach((detection, row) => {
    const area = maskArea(detection);
    const span = columnSpan(detection);
    groundTruths.forEach((groundTruth, column) => {
      if (span.end <= spans[column]!.start || spans[column]!.end <= span.start) return;
      const shared = intersection(detection.counts, groundTruth.counts);
      if (shared === 0) return;
      const whole = isCrowd[column] ? area : area + areas[column]! - shared;
      overlaps[row * groundTruths.length + column] = shared / whole;
    });
  });
  return overlaps;
}

/** The stretch of pixels, column by column, that holds all that is inside. */
function columnSpan({ counts }: RunLengths): { start: number; end: number } {
  let [end, at] = [0, 0];
  for (let run = 0; run < counts.length; run++) {
    at += counts[run]!;
    if (run % 2 === 1 && counts[run]! > 0) end = at;
  }
  return { start: counts[0] ?? 0, end };
}

/** Pixels that are inside of both. */
function intersection(a: Uint32Array, b: Uint32Array): number {
  let [shared, runA, runB] = [0, 0, 0];
  let [endA, endB, at] = [a[0]!, b[0]!, 0];
  while (runA < a.length && runB < b.length) {
    const end = Math.min(endA, endB);
    if (runA & runB & 1) shared += end - at;
    at = end;
    if (endA === end) endA += a[++runA]!;
    if (endB === end) endB += b[++runB]!;
  }
  return shared;
}
