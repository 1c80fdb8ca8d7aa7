// D detections, G ground truths

/** Boxes and their areas, which a file may know more exactly than their sides tell. */
export interface Boxes {
  sides: Float64Array; // [N, 4] left, top, right, bottom
  areas: Float64Array; // [N]
}

/**
 * Intersection over union of each detection's box with each ground truth's; of a crowd, intersection over the detection's own area.
 */
export function boxOverlaps(detections: Boxes, groundTruths: Boxes, isCrowd: Uint8Array): Float64Array {
  const [rows, columns] = [detections.areas.length, groundTruths.areas.length];
  const overlaps = new Float64Array(rows * columns); // [D, G]
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const shared = sharedArea(detections.sides, 4 * row, groundTruths.sides, 4 * column);
      if (shared === 0) continue;
      const area = detections.areas[row]!;
      const whole = isCrowd[column] ? area : area + groundTruths.areas[column]! - shared;
      overlaps[row * columns + column] = shared / whole;
    }
  return overlaps;
}

const boxArea = (boxes: ArrayLike<number>, at: number): number =>
  (boxes[at + 2]! - boxes[at]!) * (boxes[at + 3]! - boxes[at + 1]!);

function sharedArea(a: ArrayLike<number>, at: number, b: ArrayLike<number>, bt: number): number {
  const width = Math.min(a[at + 2]!, b[bt + 2]!) - Math.max(a[at]!, b[bt]!);
  const height = Math.min(a[at + 3]!, b[bt + 3]!) - Math.max(a[at + 1]!, b[bt + 1]!);
  return width > 0 && height > 0 ? width * height : 0;
}

interface StoredBoxes {
  boxes: Float32Array | Float64Array; // [N, 4]
  boxAreas?: Float64Array; // [N]
}

/** The area of the box at a place. */
export const areaAt = ({ boxes, boxAreas }: StoredBoxes, place: number): number =>
  boxAreas?.[place] ?? boxArea(boxes, 4 * place);

/** The boxes at some places. */
export function boxesAt(stored: StoredBoxes, places: readonly number[]): Boxes {
  const sides = new Float64Array(4 * places.length);
  places.forEach((place, row) => {
    for (let side = 0; side < 4; side++) sides[4 * row + side] = stored.boxes[4 * place + side]!;
  });
  return { sides, areas: Float64Array.from(places, (place) => areaAt(stored, place)) };
}
