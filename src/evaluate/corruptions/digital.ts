// S side in pixels, L pixels along one axis before
import sharp from "sharp";
import { between, eachPlane, gaussianTaps, type Picture, type Random, separable, uniform } from "./picture.ts";
import type { Constants } from "./strengths.ts";

/** Each plane nearer to its mean. */
export const contrast = (picture: Picture, share: number): Picture =>
  eachPlane(picture, (plane) => {
    const mean = plane.reduce((sum, value) => sum + value, 0) / plane.length;
    return plane.map((value) => (value - mean) * share + mean);
  });

/** A skewed picture whose pixels are moved by a smooth random field. */
export function elastic(
  picture: Picture,
  [distance, smoothness, corners]: Constants["elastic"],
  random: Random,
): Picture {
  const { size } = picture;
  const moved = ([x, y]: Point): Point => {
    const by = () => uniform(random, -corners * size, corners * size);
    return [x + by(), y + by()];
  };
  const [first, second, last] = triangle(size);
  const source = skewed(size, [moved(first), moved(second), moved(last)]);
  const [down, right] = [0, 1].map(() => field(size, smoothness * size, distance * size, random));
  const straight = eachPlane(picture, (plane) =>
    plane.map((_, place) => {
      const [x, y] = source(place % size, Math.floor(place / size));
      return between(plane, size, y, x, "mirror");
    }),
  );
  return eachPlane(straight, (plane) =>
    plane.map((_, place) => {
      const [row, column] = [Math.floor(place / size), place % size];
      return between(plane, size, row + down![place]!, column + right![place]!, "reflect");
    }),
  );
}

/** How far each pixel goes along one axis, [S, S]. */
function field(size: number, sigma: number, distance: number, random: Random): Float32Array {
  const noise = Float32Array.from({ length: size * size }, () => uniform(random, -1, 1));
  if (sigma === 0 || distance === 0) return noise.map((value) => value * distance);
  return separable(noise, size, gaussianTaps(sigma, 3), "reflect").map((value) => value * distance);
}

type Point = readonly [x: number, y: number];

/** The corners of a triangle in the middle. */
function triangle(size: number): [Point, Point, Point] {
  const [centre, third] = [Math.floor(size / 2), Math.floor(size / 3)];
  return [
    [centre + third, centre + third],
    [centre + third, centre - third],
    [centre - third, centre - third],
  ];
}

/** Where a pixel of the skewed picture comes from: the triangle's corners go `to` others, undone. */
export function skewed(size: number, to: readonly [Point, Point, Point]): (x: number, y: number) => Point {
  const from = triangle(size);
  const [[x0, y0], [x1, y1], [x2, y2]] = to;
  const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
  if (area === 0) return (x, y) => [x, y]; // three points on one line
  return (x, y) => {
    const u = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area;
    const v = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area;
    const along = (axis: 0 | 1) =>
      from[0][axis] + u * (from[1][axis] - from[0][axis]) + v * (from[2][axis] - from[0][axis]);
    return [along(0), along(1)];
  };
}

/** Shrunk and enlarged again by box filters, in whole 8-bit steps between the axes as Pillow does. */
export function pixelate(picture: Picture, share: number): Picture {
  const { size } = picture;
  const small = Math.max(1, Math.floor(size * share));
  const [down, up] = [boxes(size, small), boxes(small, size)];
  return eachPlane(picture, (plane) => both(both(plane, size, size, down), small, small, up));
}

/** Of each pixel of an axis resized from L to S: the first pixel that it takes in, and how many. */
const boxes = (length: number, size: number): (readonly [first: number, count: number])[] =>
  Array.from({ length: size }, (_, out) => {
    const scale = length / size;
    const support = Math.max(1, scale) / 2;
    const centre = (out + 0.5) * scale;
    const [from, to] = [
      Math.max(0, Math.floor(centre - support + 0.5)),
      Math.min(length, Math.floor(centre + support + 0.5)),
    ];
    const isIn = (place: number) => Math.abs((place + 0.5 - centre) / Math.max(1, scale)) <= 0.5 + 1e-9;
    const places = Array.from({ length: to - from }, (_, i) => from + i).filter(isIn);
    return places.length > 0 ? ([places[0]!, places.length] as const) : ([from, 1] as const);
  });

type Boxes = ReturnType<typeof boxes>;

function both(plane: Float32Array, rows: number, columns: number, own: Boxes): Float32Array {
  const wide = Float32Array.from({ length: rows * own.length }, (_, place) => {
    const [first, count] = own[place % own.length]!;
    return meanOf(plane, Math.floor(place / own.length) * columns + first, count, 1);
  });
  return Float32Array.from({ length: own.length ** 2 }, (_, place) => {
    const [first, count] = own[Math.floor(place / own.length)]!;
    return meanOf(wide, first * own.length + (place % own.length), count, own.length);
  });
}

function meanOf(values: Float32Array, from: number, count: number, stride: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[from + i * stride]!;
  return Math.round((255 * sum) / count) / 255;
}

/** Written as JPEG and read again, colours at half the resolution (4:2:0). */
export async function jpeg({ planes, size }: Picture, quality: number): Promise<Picture> {
  const area = size * size;
  const bytes = Uint8Array.from({ length: 3 * area }, (_, i) =>
    Math.round(255 * planes[(i % 3) * area + Math.floor(i / 3)]!),
  );
  const raw = { width: size, height: size, channels: 3 } as const;
  const file = await sharp(bytes, { raw }).jpeg({ quality, chromaSubsampling: "4:2:0" }).toBuffer();
  const read = await sharp(file).removeAlpha().toColourspace("srgb").raw().toBuffer();
  return { planes: planes.map((_, i) => read[(i % area) * 3 + Math.floor(i / area)]! / 255), size };
}
