// H height, W width, R runs.  Column by column: pixel (x, y) is the (x H + y)-th.

/**
 * A mask as the lengths of its runs, outside and inside in turn, column by column: COCO's run-length encoding. The first run is
 * outside and may be empty; together they are H W pixels.
 */
export interface RunLengths {
  height: number;
  width: number;
  counts: Uint32Array; // [R]
}

/** Pixels inside. */
export function maskArea({ counts }: RunLengths): number {
  let area = 0;
  for (let run = 1; run < counts.length; run += 2) area += counts[run]!;
  return area;
}

/** The smallest box around what is inside, `[x, y, width, height]` in whole pixels; zeros where nothing is. */
export function maskBox({ counts, height, width }: RunLengths): [x: number, y: number, width: number, height: number] {
  let [left, top, right, bottom, at] = [width, height, -1, -1, 0];
  counts.forEach((count, run) => {
    const [first, last] = [at, at + count - 1];
    at += count;
    if (run % 2 === 0 || count === 0) return;
    const [firstColumn, lastColumn] = [Math.floor(first / height), Math.floor(last / height)];
    left = Math.min(left, firstColumn);
    right = Math.max(right, lastColumn);
    const isWhole = lastColumn > firstColumn; // it touches the bottom of one column and the top of the next
    top = Math.min(top, isWhole ? 0 : first % height);
    bottom = Math.max(bottom, isWhole ? height - 1 : last % height);
  });
  return right < 0 ? [0, 0, 0, 0] : [left, top, right - left + 1, bottom - top + 1];
}

/** The mask of a bitmap, 0 outside and anything else inside. */
export function encodeMask(bitmap: Uint8Array, height: number, width: number): RunLengths {
  const counts: number[] = []; // bitmap: [H, W], row by row
  let [length, inside] = [0, false];
  for (let x = 0; x < width; x++)
    for (let at = x, end = x + height * width; at < end; at += width) {
      if ((bitmap[at] !== 0) === inside) length++;
      else {
        counts.push(length);
        [length, inside] = [1, !inside];
      }
    }
  counts.push(length);
  return { height, width, counts: Uint32Array.from(counts) };
}

/** The bitmap of a mask: 1 inside, 0 outside, row by row. */
export function maskBitmap({ counts, height, width }: RunLengths): Uint8Array {
  const bitmap = new Uint8Array(height * width); // [H, W]
  let [x, y] = [0, 0];
  counts.forEach((count, run) => {
    for (let left = count; left > 0; ) {
      const length = Math.min(left, height - y);
      if (run % 2 === 1) for (let row = y; row < y + length; row++) bitmap[row * width + x] = 1;
      left -= length;
      y += length;
      if (y === height) [x, y] = [x + 1, 0];
    }
  });
  return bitmap;
}

/** What is inside of any of the masks, which are of one size. */
export function maskUnion([first, ...others]: readonly [RunLengths, ...RunLengths[]]): RunLengths {
  let { counts } = first;
  for (const other of others) counts = unionOf(counts, other.counts);
  return { ...first, counts };
}

function unionOf(a: Uint32Array, b: Uint32Array): Uint32Array {
  const merged = new Uint32Array(a.length + b.length);
  let [runs, runA, runB] = [0, 0, 0];
  let [leftA, leftB] = [a[0] ?? 0, b[0] ?? 0];
  let [length, inside] = [0, false];
  while (runA < a.length && runB < b.length) {
    const step = Math.min(leftA, leftB);
    const isInside = (runA & 1) === 1 || (runB & 1) === 1;
    if (step > 0 && isInside !== inside) {
      merged[runs++] = length;
      [length, inside] = [0, isInside];
    }
    length += step;
    leftA -= step;
    leftB -= step;
    if (leftA === 0) leftA = a[++runA] ?? 0;
    if (leftB === 0 && runA <= a.length) leftB = b[++runB] ?? 0;
  }
  merged[runs++] = length;
  return merged.slice(0, runs);
}
