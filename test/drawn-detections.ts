// Small detection sets and detections made up in tests.
import type { DetectionSet, Detections } from "../src/data/annotations/index.ts";
import { detectionSet, ObjectCollector } from "../src/data/annotations/set-builder.ts";

export type Box = readonly [left: number, top: number, right: number, bottom: number];

export interface DrawnObject {
  box: Box;
  class?: number;
  isDifficult?: boolean;
  isCrowd?: boolean;
  score?: number;
}

/** Objects picture by picture, as a set of pictures of 100 x 100. */
export function drawnSet(objects: readonly (readonly DrawnObject[])[], classes = 1): DetectionSet {
  const collector = new ObjectCollector();
  objects.forEach((own, image) => {
    for (const { box, class: place = 0, isDifficult = false, isCrowd = false } of own) {
      const area = (box[2] - box[0]) * (box[3] - box[1]);
      collector.add(image, { id: Number.NaN, box, class: place, isDifficult, isCrowd, area });
    }
  });
  const images = objects.map((_, image) => ({ id: image + 1, file: `${image + 1}.png`, width: 100, height: 100 }));
  const categories = Array.from({ length: classes }, (_, place) => ({ id: place + 1, name: `class ${place + 1}` }));
  const parts = { name: "drawn", layout: "coco", split: "all", images, categories, issues: [] } as const;
  return detectionSet({ ...parts, ...collector.laidOut(images.length) });
}

/** Detections picture by picture; without a score of their own the surest first. */
export const drawnDetections = (found: readonly (readonly DrawnObject[])[]): Detections[] =>
  found.map((own) => ({
    boxes: Float64Array.from(own.flatMap(({ box }) => box)),
    scores: Float64Array.from(own, ({ score }, place) => score ?? 1 / (place + 1)),
    classes: Int32Array.from(own, (detection) => detection.class ?? 0),
  }));
