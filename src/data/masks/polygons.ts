// H height, W width, K corners, B boundary points.  A polygon is rasterised as pycocotools does it, to the same pixels: its outline is
// drawn five times as large, and each column of pixels begins and ends where the outline crosses its middle.
import { maskUnion, type RunLengths } from "./run-lengths.ts";

const scale = 5;
/** Of the enlarged columns of a pixel the one in its middle. */
const middle = 2;

/** The mask of polygons, corners as `x, y, x, y, …` in pixels; what several of them cover is inside once. */
export function polygonMask(polygons: readonly Float64Array[], height: number, width: number): RunLengths {
  const [first, ...others] = polygons.map((corners) => onePolygon(corners, height, width));
  return first ? maskUnion([first, ...others]) : { height, width, counts: Uint32Array.of(height * width) };
}

function onePolygon(corners: Float64Array, height: number, width: number): RunLengths {
  const outline = enlargedOutline(corners);
  const crossings = crossingsOf(outline, height, width);
  return { height, width, counts: runsBetween(crossings, height * width) };
}

interface Outline {
  u: Int32Array; // [B]
  v: Int32Array; // [B]
}

/** Each pixel of the enlarged outline, side by side, in order. */
function enlargedOutline(corners: Float64Array): Outline {
  const enlarged = Int32Array.from(corners, (coordinate) => Math.trunc(scale * coordinate + 0.5)); // [K, 2]
  const sides = enlarged.length / 2;
  let length = 0;
  for (let side = 0; side < sides; side++) length += sideLength(enlarged, side, sides) + 1;
  const outline = { u: new Int32Array(length), v: new Int32Array(length) };
  for (let side = 0, at = 0; side < sides; side++) {
    drawSide(outline, at, enlarged, side, sides);
    at += sideLength(enlarged, side, sides) + 1;
  }
  return outline;
}

function sideLength(corners: Int32Array, side: number, sides: number): number {
  const next = (side + 1) % sides;
  const dx = Math.abs(corners[2 * next]! - corners[2 * side]!);
  return Math.max(dx, Math.abs(corners[2 * next + 1]! - corners[2 * side + 1]!));
}

/** Steps along the longer axis, from its lower end, and writes the points from the side's own beginning. */
function drawSide({ u, v }: Outline, at: number, corners: Int32Array, side: number, sides: number): void {
  const next = (side + 1) % sides;
  let [x, y, endX, endY] = [corners[2 * side]!, corners[2 * side + 1]!, corners[2 * next]!, corners[2 * next + 1]!];
  const isFlat = Math.abs(endX - x) >= Math.abs(endY - y);
  const isBackwards = isFlat ? x > endX : y > endY;
  if (isBackwards) [x, y, endX, endY] = [endX, endY, x, y];
  const length = isFlat ? endX - x : endY - y;
  const slope = length === 0 ? 0 : isFlat ? (endY - y) / length : (endX - x) / length;
  for (let step = 0; step <= length; step++) {
    const along = isBackwards ? length - step : step;
    u[at + step] = isFlat ? x + along : Math.trunc(x + slope * along + 0.5);
    v[at + step] = isFlat ? Math.trunc(y + slope * along + 0.5) : y + along;
  }
}

/** Places (column by column) from which on the other side of the outline lies, unsorted, and the end. */
function crossingsOf({ u, v }: Outline, height: number, width: number): Float64Array {
  const crossings = new Float64Array(u.length + 1);
  let count = 0;
  for (let at = 1; at < u.length; at++) {
    if (u[at] === u[at - 1]) continue;
    const column = ((u[at]! < u[at - 1]! ? u[at]! : u[at]! - 1) - middle) / scale;
    if (!Number.isInteger(column) || column < 0 || column > width - 1) continue;
    const row = Math.ceil((Math.min(v[at]!, v[at - 1]!) - middle) / scale);
    crossings[count++] = column * height + Math.max(0, Math.min(height, row));
  }
  crossings[count++] = height * width;
  return crossings.subarray(0, count).sort();
}

/** Two crossings in one place cancel each other. */
function runsBetween(crossings: Float64Array, pixels: number): Uint32Array {
  const counts = new Uint32Array(crossings.length + 1);
  let [runs, before] = [0, 0];
  for (let at = 0; at < crossings.length; at++) {
    const length = crossings[at]! - before;
    before = crossings[at]!;
    if (length > 0 || at === 0) counts[runs++] = length;
    else if (++at < crossings.length) {
      counts[runs - 1]! += crossings[at]! - before;
      before = crossings[at]!;
    }
  }
  return runs === 0 ? Uint32Array.of(pixels) : counts.slice(0, runs);
}
