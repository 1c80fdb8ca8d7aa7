// N pictures of the sample. Places on the map out of a run's files, and what lies under a pointer or within a lasso.
import type { MapLine } from "../../../src/serve/answers.ts";
import { bytesFrom } from "../parts/numbers.ts";

/** Places [N, 2]; NaN for a picture that has none. */
export function placesOf({ points, scale }: MapLine): Float32Array {
  const bytes = bytesFrom(points);
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length >> 1 }, (_, i) => {
    const value = view.getInt16(2 * i, true);
    return value === -32768 ? Number.NaN : value * scale;
  });
}

/** What of the plane is seen: its middle and how many pixels a unit has. */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

/** All places in sight. */
export function viewOfAll(places: readonly Float32Array[], width: number, height: number): View {
  const ends = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const own of places)
    for (let i = 0; i < own.length; i++) {
      const value = own[i]!;
      if (value < ends[i % 2]!) ends[i % 2] = value;
      if (value > ends[2 + (i % 2)]!) ends[2 + (i % 2)] = value;
    }
  const [left, bottom, right, top] = ends.map((end) => (Number.isFinite(end) ? end : 0)) as [
    number,
    number,
    number,
    number,
  ];
  const zoom = 0.9 * Math.min(width / Math.max(1e-6, right - left), height / Math.max(1e-6, top - bottom));
  return { x: (left + right) / 2, y: (bottom + top) / 2, zoom };
}

/** The picture nearest to a point of the plane within a distance, or undefined. */
export function nearestPlace(places: Float32Array, x: number, y: number, within: number): number | undefined {
  let [best, least] = [-1, within * within];
  for (let i = 0; i < places.length / 2; i++) {
    const distance = (places[2 * i]! - x) ** 2 + (places[2 * i + 1]! - y) ** 2;
    if (distance <= least) [best, least] = [i, distance];
  }
  return best < 0 ? undefined : best;
}

/** The pictures inside a closed line of points. */
export function placesWithin(places: Float32Array, line: readonly (readonly [number, number])[]): number[] {
  if (line.length < 3) return [];
  return Array.from({ length: places.length / 2 }, (_, i) => i).filter((i) =>
    isWithin(line, places[2 * i]!, places[2 * i + 1]!),
  );
}

/** Whether a ray from the point crosses the line an odd number of times. */
function isWithin(line: readonly (readonly [number, number])[], x: number, y: number): boolean {
  let isInside = false;
  for (let i = 0, before = line.length - 1; i < line.length; before = i++) {
    const [[x1, y1], [x2, y2]] = [line[i]!, line[before]!];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) isInside = !isInside;
  }
  return isInside;
}

/** Pictures by how far they went between two maps, the farthest first. */
export function farthest(
  before: Float32Array,
  now: Float32Array,
  among: readonly number[],
): { picture: number; distance: number }[] {
  const moved = among.map((picture) => ({
    picture,
    distance: Math.hypot(now[2 * picture]! - before[2 * picture]!, now[2 * picture + 1]! - before[2 * picture + 1]!),
  }));
  return moved.filter(({ distance }) => distance > 0).sort((a, b) => b.distance - a.distance);
}
