// Pictures drawn by Selfsight: one of ten shapes of random colour, place, size and rotation on a patterned ground.
// What the label names is the shape alone, so neighbours in pixels share their colours, not their class.
// Coordinates (x, y) of a shape are its own: centre 0, everything within the unit circle.
import { keyedStream } from "../../random.ts";
import { type ImageArray, imageArray, type Split } from "../dataset.ts";

type Inside = (x: number, y: number) => boolean;
type Random = () => number;
type Colour = readonly [number, number, number]; // 0-255

/** Side of a picture in pixels. */
const side = 32;
const plane = side * side;
/** Samples along each side of a pixel; their share inside the shape is its coverage. */
const samplesPerSide = 3;

const sizes: Record<Split, number> = { train: 10_000, test: 2_000 };

/** Whether a point lies in each shape. */
const shapes: Record<string, Inside> = {
  disc: (x, y) => x * x + y * y < 0.72,
  ring: (x, y) => x * x + y * y < 0.9 && x * x + y * y > 0.3,
  triangle: polygon(3, 1),
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.7,
  star: polygon(5, 0.4),
  cross: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.92 && Math.min(Math.abs(x), Math.abs(y)) < 0.27,
  crescent: (x, y) => x * x + y * y < 0.92 && (x - 0.45) ** 2 + y * y > 0.55,
  heart: (x, y) => (1.69 * x * x + heartHeight(y) ** 2 - 1) ** 3 < 1.69 * x * x * heartHeight(y) ** 3,
  arrow: (x, y) => (x < 0.1 ? x > -0.95 && Math.abs(y) < 0.22 : Math.abs(y) < 0.8 * (0.95 - x)),
  bar: (x, y) => Math.abs(x) < 0.95 && Math.abs(y) < 0.25,
};
export const shapeClasses: readonly string[] = Object.keys(shapes);

/** The heart is (x^2 + y^2 - 1)^3 < x^2 y^3, scaled by 1.3 and moved into the unit circle. */
const heartHeight = (y: number) => 1.3 * y + 0.1;

const insides = Object.values(shapes);

/** Draws the dataset `shapes`: 3x32x32, ten classes in equal parts, each picture a function of (seed, split, its place). */
export function drawShapes(split: Split, { seed = 0, length = sizes[split] } = {}): ImageArray {
  const count = Math.min(length, sizes[split]);
  const pixels = new Uint8Array(count * 3 * plane); // [N, 3, 32, 32]
  const labels = Int32Array.from({ length: count }, (_, index) => index % insides.length); // [N]
  for (let index = 0; index < count; index++) {
    const random = keyedStream(seed, split === "train" ? 0 : 1, index);
    drawPicture(pixels.subarray(index * 3 * plane, (index + 1) * 3 * plane), insides[labels[index]!]!, random);
  }
  return imageArray({ name: "shapes", pixels, labels, classes: shapeClasses, channels: 3, height: side, width: side });
}

function drawPicture(picture: Uint8Array, inside: Inside, random: Random): void {
  const from = randomColour(random);
  const to = randomColour(random);
  const ink = contrastingColour([from, to], random);
  const blend = groundBlend(random); // [H, W]
  const coverage = shapeCoverage(inside, random); // [H, W]
  const noise = 8 + 16 * random(); // grey levels
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < plane; i++) {
      const ground = from[channel]! + blend[i]! * (to[channel]! - from[channel]!);
      const clean = ground + coverage[i]! * (ink[channel]! - ground);
      picture[channel * plane + i] = Math.min(255, Math.max(0, clean + noise * (random() - 0.5) + 0.5));
    }
  }
}

/** How far each pixel of the ground lies between its two colours: a slope plus stripes, both in random directions. */
function groundBlend(random: Random): Float32Array {
  const slope = direction(random, 1 / side);
  const stripes = direction(random, 0.3 + 1.2 * random());
  const phase = 2 * Math.PI * random();
  const amplitude = 0.35 * random();
  const blend = new Float32Array(plane);
  for (let i = 0; i < plane; i++) {
    const x = (i % side) - side / 2;
    const y = Math.floor(i / side) - side / 2;
    blend[i] = 0.5 + 0.7 * (x * slope.x + y * slope.y) + amplitude * Math.sin(x * stripes.x + y * stripes.y + phase);
  }
  return blend;
}

/** Share of each pixel that the shape covers, at a random place, size and rotation that keep it whole inside the picture. */
function shapeCoverage(inside: Inside, random: Random): Float32Array {
  const radius = 8 + 6 * random(); // pixels
  const centreX = radius + (side - 2 * radius) * random();
  const centreY = radius + (side - 2 * radius) * random();
  const turn = direction(random, 1 / radius);
  const coverage = new Float32Array(plane);
  for (let y = Math.floor(centreY - radius); y < centreY + radius && y < side; y++)
    for (let x = Math.floor(centreX - radius); x < centreX + radius && x < side; x++)
      coverage[y * side + x] = pixelCoverage(inside, x - centreX, y - centreY, turn);
  return coverage;
}

function pixelCoverage(inside: Inside, left: number, top: number, turn: { x: number; y: number }): number {
  let hits = 0;
  for (let sample = 0; sample < samplesPerSide ** 2; sample++) {
    const x = left + ((sample % samplesPerSide) + 0.5) / samplesPerSide;
    const y = top + (Math.floor(sample / samplesPerSide) + 0.5) / samplesPerSide;
    if (inside(x * turn.x + y * turn.y, y * turn.x - x * turn.y)) hits++;
  }
  return hits / samplesPerSide ** 2;
}

/** A star of `points` points whose inner corners lie at `inner` of the full radius; 1 gives the regular polygon. */
function polygon(points: number, inner: number): Inside {
  const half = Math.PI / points; // angle from an outer corner to the middle of its two neighbours
  const cornerX = inner === 1 ? Math.cos(half) ** 2 : inner * Math.cos(half);
  const cornerY = inner === 1 ? Math.cos(half) * Math.sin(half) : inner * Math.sin(half);
  return (x, y) => {
    const angle = Math.abs((((Math.atan2(y, x) % (2 * half)) + 3 * half) % (2 * half)) - half);
    const radius = Math.hypot(x, y);
    const along = radius * Math.cos(angle);
    const across = radius * Math.sin(angle);
    return (cornerX - 1) * across - cornerY * (along - 1) > 0; // left of the edge from (1, 0) to the inner corner
  };
}

function direction(random: Random, length: number): { x: number; y: number } {
  const angle = 2 * Math.PI * random();
  return { x: length * Math.cos(angle), y: length * Math.sin(angle) };
}

const randomColour = (random: Random): Colour => [256 * random(), 256 * random(), 256 * random()];

/** A colour that stays visible on both others: the farthest of eight. */
function contrastingColour(others: readonly Colour[], random: Random): Colour {
  const contrast = (colour: Colour) => Math.min(...others.map((other) => distance(colour, other)));
  const candidates = Array.from({ length: 8 }, () => randomColour(random));
  return candidates.reduce((best, colour) => (contrast(colour) > contrast(best) ? colour : best));
}

const distance = (a: Colour, b: Colour) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
