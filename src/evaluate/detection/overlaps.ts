// D detections, G ground truths

/**
 * Intersection over union of each detection's box with each ground truth's; of a crowd, intersection over the detection's own area.
 * Boxes are left, top, right, bottom.
 */
export function boxOverlaps(
  detections: ArrayLike<number>,
  groundTruths: ArrayLike<number>,
  isCrowd: Uint8Array,
): Float64Array {
  const [rows, columns] = [detections.length / 4, groundTruths.length / 4];
  const overlaps = new Float64Array(rows * columns); // [D, G]
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const shared = sharedArea(detections, 4 * row, groundTruths, 4 * column);
      if (shared === 0) continue;
      const area = boxArea(detections, 4 * row);
      const whole = isCrowd[column] ? area : area + boxArea(groundTruths, 4 * column) - shared;
      overlaps[row * columns + column] = shared / whole;
    }
  return overlaps;
}

export const boxArea = (boxes: ArrayLike<number>, at: number): number =>
  (boxes[at + 2]! - boxes[at]!) * (boxes[at + 3]! - boxes[at + 1]!);

function sharedArea(a: ArrayLike<number>, at: number, b: ArrayLike<number>, bt: number): number {
  const width = Math.min(a[at + 2]!, b[bt + 2]!) - Math.max(a[at]!, b[bt]!);
  const height = Math.min(a[at + 3]!, b[bt + 3]!) - Math.max(a[at + 1]!, b[bt + 1]!);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Of boxes [N, 4] those at some places. */
export function boxesAt(boxes: Float32Array | Float64Array, places: readonly number[]): Float64Array {
  const chosen = new Float64Array(4 * places.length);
  places.forEach((place, row) => {
    for (let side = 0; side < 4; side++) chosen[4 * row + side] = boxes[4 * place + side]!;
  });
  return chosen;
}
