// H and W sides of a picture, D detections
import type { Detections } from "../../data/annotations/index.ts";
import type { RawImage } from "../../data/index.ts";
import { encodeMask } from "../../data/masks/run-lengths.ts";
import { type Detector, type ImageSize, pasteMask } from "../../detect/index.ts";
import { scope } from "../../torch/index.ts";
import { filledUp, placedPixels, wholePlacement } from "./pictures.ts";
import type { DetectorFile } from "./run-file.ts";

/** What a trained detector finds in a picture, in pixels of the size that it is stored in; classes are places in the detector's list. */
export function findIn(
  network: Detector,
  { settings, trunk }: DetectorFile,
  raw: RawImage,
  device: string,
  stored: ImageSize = raw,
): Detections {
  return scope(() => {
    const placement = wholePlacement(stored, settings);
    const { images } = filledUp([placedPixels(raw, placement, trunk.normalize)], [], device); // [1, 3, h, w]
    const [found] = network.detect(images, [placement.resized]);
    const { scores, classes, masks } = found!;
    const boxes = ownBoxes(found!.boxes.float32(), placement.resized, stored);
    return {
      boxes,
      scores,
      classes: classes.map((label) => label - 1),
      ...(masks && { masks: ownMasks(masks.float32(), boxes, stored) }),
    };
  });
}

function ownBoxes(boxes: Float32Array, seen: ImageSize, own: ImageSize): Float32Array {
  const scales = [own.width / seen.width, own.height / seen.height];
  return boxes.map((value, i) => value * scales[i % 2]!);
}

function ownMasks(probabilities: Float32Array, boxes: Float32Array, size: ImageSize) {
  const count = boxes.length / 4;
  const each = count === 0 ? 0 : probabilities.length / count;
  return Array.from({ length: count }, (_, i) => {
    const bitmap = pasteMask(probabilities.subarray(i * each, (i + 1) * each), boxes.subarray(4 * i, 4 * i + 4), size);
    return encodeMask(bitmap, size.height, size.width);
  });
}
