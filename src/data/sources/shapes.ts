// Pictures drawn by Selfsight: one shape of ten, repeated over the whole picture, each copy in a colour of its own.
// What the label names is all that two pieces of a picture have in common: colours change from copy to copy, place, period, turn
// and bends from picture to picture. So neighbours in pixels share their colours, not their class.
// Coordinates (x, y) count periods: a cell reaches from one whole number to the next, and holds a copy.
import { keyedStream } from "../../random.ts";
import { type ImageArray, imageArray, type StoredSplit } from "../dataset.ts";

/** Number of the copy that covers a point, or `ground`. */
type Pattern = (x: number, y: number) => number;
type Random = () => number;
type Colour = readonly [red: number, green: number, blue: number]; // 0-255

const ground = -1;
/** Side of a picture in pixels. */
const side = 32;
const plane = side * side;
/** Samples along each side of a pixel. */
const samplesPerSide = 2;
const samples = samplesPerSide ** 2;

const sizes: Record<StoredSplit, number> = { train: 10_000, test: 2_000 };

/** Copies cover two to five tenths of a picture, so that light and dark do not tell the classes. */
const patterns: Record<string, Pattern> = {
  disc: copies((u, v) => u * u + v * v < 0.13),
  ring: copies((u, v) => u * u + v * v > 0.065 && u * u + v * v < 0.21),
  stripe: (_, y) => (within(y) < 0.45 ? cell(0, y) : ground),
  grid: (x, y) => (within(x) < 0.22 ? cell(x, 0) : within(y) < 0.22 ? cell(0, y) : ground),
  check: (x, y) => ((Math.floor(1.5 * x) + Math.floor(1.5 * y)) % 2 === 0 ? cell(1.5 * x, 1.5 * y) : ground),
  wave: (x, y) => patterns.stripe!(x, y + 0.3 * Math.sin(2 * Math.PI * x)),
  scale: copies((u, v) => u * u + ((v + 0.5) / 1.5) ** 2 < 0.17, { perRow: 1, rows: 1.5, isStaggered: true }),
  triangle: copies((u, v) => v > -0.44 && Math.abs(u) < 0.534 * (0.44 - v)),
  cross: copies((u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.43 && Math.min(Math.abs(u), Math.abs(v)) < 0.13),
  brick: copies((u, v) => Math.abs(u) < 0.42 && Math.abs(v) < 0.35, { perRow: 0.7, rows: 1.6, isStaggered: true }),
};
export const shapeClasses: readonly string[] = Object.keys(patterns);

/** One copy in the middle of each cell, (u, v) from -0.5 to 0.5; staggered: every other row is moved by half a cell. */
function copies(
  isInside: (u: number, v: number) => boolean,
  { perRow = 1, rows = 1, isStaggered = false } = {},
): Pattern {
  return (x, y) => {
    const [row, shift] = [rows * y, isStaggered ? 0.5 * (Math.floor(rows * y) % 2) : 0];
    const column = perRow * x + shift;
    return isInside(within(column) - 0.5, within(row) - 0.5) ? cell(column, row) : ground;
  };
}

const within = (x: number): number => x - Math.floor(x);
/** A picture has at most 32 cells a side, and begins at cell 64. */
const cell = (x: number, y: number): number => 1024 * Math.floor(x) + Math.floor(y);

/** Draws the dataset `shapes`: 3x32x32, ten classes in equal parts, each picture a function of (seed, split, its place). */
export function drawShapes(split: StoredSplit, { seed = 0, length = sizes[split] } = {}): ImageArray {
  const count = Math.min(length, sizes[split]);
  const pixels = new Uint8Array(count * 3 * plane); // [N, 3, 32, 32]
  const labels = Int32Array.from({ length: count }, (_, index) => index % shapeClasses.length); // [N]
  for (let index = 0; index < count; index++) {
    const random = keyedStream(seed, split === "train" ? 0 : 1, index);
    drawPicture(
      pixels.subarray(index * 3 * plane, (index + 1) * 3 * plane),
      patterns[shapeClasses[labels[index]!]!]!,
      random,
    );
  }
  return imageArray({ name: "shapes", pixels, labels, classes: shapeClasses, channels: 3, height: side, width: side });
}

function drawPicture(picture: Uint8Array, pattern: Pattern, random: Random): void {
  const copyAt = placed(pattern, random);
  const groundAt = shadedGround(random);
  const noise = 24 * random(); // grey levels
  const inks = new Map<number, Colour>();
  const inkOf = (copy: number): Colour => inks.get(copy) ?? remember(inks, copy, inkColour(random));
  for (let i = 0; i < plane; i++) {
    const [left, top] = [i % side, Math.floor(i / side)];
    const below = groundAt(left, top);
    let [red, green, blue] = [0, 0, 0];
    for (let sample = 0; sample < samples; sample++) {
      const copy = copyAt(
        left + ((sample % samplesPerSide) + 0.5) / samplesPerSide,
        top + (Math.floor(sample / samplesPerSide) + 0.5) / samplesPerSide,
      );
      const colour = copy === ground ? below : inkOf(copy);
      red += colour[0];
      green += colour[1];
      blue += colour[2];
    }
    for (const [channel, sum] of [red, green, blue].entries())
      picture[channel * plane + i] = Math.min(255, Math.max(0, sum / samples + noise * (random() - 0.5) + 0.5));
  }
}

function remember(inks: Map<number, Colour>, copy: number, colour: Colour): Colour {
  inks.set(copy, colour);
  return colour;
}

/** The pattern in pixels: its period, turn, place and bends are random. */
function placed(pattern: Pattern, random: Random): Pattern {
  const period = 7 + 5 * random(); // pixels
  const turn = 0.2 * (random() - 0.5); // radians
  const [along, across] = [Math.cos(turn) / period, Math.sin(turn) / period]; // periods per pixel
  const [startX, startY] = [64 + random(), 64 + random()];
  const [bendX, bendY] = [bend(random), bend(random)];
  return (left, top) => {
    const x = startX + along * left + across * top;
    const y = startY + along * top - across * left;
    return pattern(x + bendX(x, y), y + bendY(x, y));
  };
}

/** How far copies are moved, in periods: enough that no two pictures lie on each other. */
const bendPeriods = 0.25;

/** A wave of displacement, 3 to 5 periods long. */
function bend(random: Random): (x: number, y: number) => number {
  const angle = 2 * Math.PI * random();
  const turns = (2 * Math.PI) / (3 + 2 * random()); // radians per period
  const [alongX, alongY, phase] = [turns * Math.cos(angle), turns * Math.sin(angle), 2 * Math.PI * random()];
  return (x, y) => bendPeriods * Math.sin(alongX * x + alongY * y + phase);
}

/** Middle tones, blended from a colour at each corner. */
function shadedGround(random: Random): (left: number, top: number) => Colour {
  const [topLeft, topRight, bottomLeft, bottomRight] = Array.from({ length: 4 }, () =>
    colourOf(random(), 0.25 * random(), 0.45 + 0.1 * random()),
  );
  return (left, top) =>
    blend(blend(topLeft!, topRight!, left / side), blend(bottomLeft!, bottomRight!, left / side), top / side);
}

const blend = (from: Colour, to: Colour, share: number): Colour => [
  from[0] + share * (to[0] - from[0]),
  from[1] + share * (to[1] - from[1]),
  from[2] + share * (to[2] - from[2]),
];

/** Light or dark, so that it stands out from the ground. */
const inkColour = (random: Random): Colour =>
  colourOf(random(), 0.9 * random(), random() < 0.5 ? 0.05 + 0.2 * random() : 0.75 + 0.2 * random());

/** Hue, saturation and lightness, each in [0, 1], as red, green and blue. */
function colourOf(hue: number, saturation: number, lightness: number): Colour {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number) => {
    const place = (offset + 12 * hue) % 12;
    return 255 * (lightness - reach * Math.max(-1, Math.min(place - 3, 9 - place, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}
