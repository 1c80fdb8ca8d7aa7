// T overlap thresholds, A ranges of areas

/** COCO's overlaps from 0.5 to 0.95, as numpy's linspace rounds them. */
export const overlapThresholds: readonly number[] = Array.from({ length: 10 }, (_, step) =>
  step === 9 ? 0.95 : 0.5 + step * ((0.95 - 0.5) / 9),
); // [T]

/** Recalls at which precision is read. */
export const recallThresholds: readonly number[] = Array.from({ length: 101 }, (_, step) => step * 0.01);

/** Ranges of areas in pixels, both ends within. */
export const areaRanges = [
  { name: "all", least: 0, most: 1e10 },
  { name: "small", least: 0, most: 32 ** 2 },
  { name: "medium", least: 32 ** 2, most: 96 ** 2 },
  { name: "large", least: 96 ** 2, most: 1e10 },
] as const; // [A]

/** Detections of a class that count in a picture, the surest ones. */
export const mostDetections = 100;
