// H height, W width, D detections
import sharp from "sharp";
import type { Detections } from "../../data/annotations/index.ts";
import type { RawImage } from "../../data/index.ts";
import { maskBitmap, type RunLengths } from "../../data/masks/run-lengths.ts";
import { displayName } from "../../errors.ts";
import { html, Markup } from "./markup.ts";

export interface DrawOptions {
  /** Less sure detections are not drawn. Default 0.5. */
  minScore?: number;
  /** Default "jpeg", of quality 90. */
  format?: "jpeg" | "png";
  /** Whether class and score stand at each box. Default true. */
  withLabels?: boolean;
  /** Smaller pictures are enlarged by a whole number until their longer side has so many pixels, so that labels can be read. Default 480. */
  leastSide?: number;
}

type Colour = readonly [red: number, green: number, blue: number];

/** Colours that the colour-blind tell apart (Okabe and Ito), without black; classes take them in turn. */
const palette: readonly Colour[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [213, 94, 0],
  [240, 228, 66],
  [204, 121, 167],
  [0, 114, 178],
];
const mostLetters = 40;
/** How much of a mask's colour lies over the picture. */
const maskOpacity = 0.4;

/**
 * A picture with boxes, masks and labels drawn onto it, the surest on top; each class has a colour that the colour-blind tell apart.
 *
 * @param picture as `decodeImage` gives it; boxes and masks are in its pixels.
 * @param names of the classes, in the order of their numbers.
 * @returns the bytes of a JPEG or PNG.
 */
export async function drawDetections(
  picture: RawImage,
  detections: Detections,
  names: readonly string[],
  options: DrawOptions = {},
): Promise<Uint8Array> {
  const { minScore = 0.5, format = "jpeg", leastSide = 480, withLabels = true } = options;
  const { height, width } = picture;
  const scale = Math.max(1, Math.ceil(leastSide / Math.max(height, width)));
  const drawn = surestLast(detections, minScore);
  const colours = coloursOf(drawn.map((place) => detections.classes[place]!));
  const painted = withMasks(picture, detections, drawn, colours);
  const size = { width: width * scale, height: height * scale };
  const overlay = overlaySvg(size, scale, { detections, drawn, colours, names: withLabels ? names : undefined });
  const whole = sharp(painted, { raw: { width, height, channels: 3 } })
    .resize({ ...size, kernel: "nearest" })
    .composite([{ input: Buffer.from(overlay.text) }])
    .removeAlpha();
  return format === "png" ? whole.png().toBuffer() : whole.jpeg({ quality: 90 }).toBuffer();
}

function surestLast({ boxes, scores }: Detections, minScore: number): number[] {
  const isDrawable = (place: number) => boxes.subarray(4 * place, 4 * place + 4).every(Number.isFinite);
  const shown = [...scores.keys()].filter((place) => scores[place]! >= minScore && isDrawable(place));
  return shown.sort((a, b) => scores[a]! - scores[b]!);
}

/** Each class its own colour where there are enough; one whose colour is taken gets the next that is free. */
function coloursOf(classes: readonly number[]): ReadonlyMap<number, Colour> {
  const taken = new Map<number, Colour>();
  for (const place of [...new Set(classes)].sort((a, b) => a - b)) {
    const turns = palette.map((_, turn) => palette[(place + turn) % palette.length]!);
    const isFree = (colour: Colour) => ![...taken.values()].includes(colour);
    taken.set(place, turns.find(isFree) ?? turns[0]!);
  }
  return taken;
}

/** The pixels with masks laid over them, their outlines opaque. */
function withMasks(
  { pixels, height, width }: RawImage,
  { masks, classes }: Detections,
  drawn: readonly number[],
  colours: ReadonlyMap<number, Colour>,
): Uint8Array {
  const painted = Uint8Array.from(pixels); // [H, W, 3]
  for (const place of masks ? drawn : []) {
    const mask = masks![place]!;
    if (mask.height === height && mask.width === width) paint(painted, mask, colours.get(classes[place]!)!);
  }
  return painted;
}

function paint(pixels: Uint8Array, mask: RunLengths, colour: Colour): void {
  const { height, width } = mask;
  const bitmap = maskBitmap(mask);
  const isInside = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && bitmap[y * width + x] === 1;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (bitmap[y * width + x] === 0) continue;
      const isWithin = isInside(x - 1, y) && isInside(x + 1, y) && isInside(x, y - 1) && isInside(x, y + 1);
      blend(pixels, 3 * (y * width + x), colour, isWithin ? maskOpacity : 1);
    }
}

function blend(pixels: Uint8Array, at: number, colour: Colour, opacity: number): void {
  for (let channel = 0; channel < 3; channel++)
    pixels[at + channel] = Math.round((1 - opacity) * pixels[at + channel]! + opacity * colour[channel]!);
}

interface Size {
  width: number;
  height: number;
}

interface Drawing {
  detections: Detections;
  drawn: readonly number[];
  colours: ReadonlyMap<number, Colour>;
  names: readonly string[] | undefined;
}

function overlaySvg(size: Size, scale: number, { detections, drawn, colours, names }: Drawing): Markup {
  const { boxes, classes, scores, masks } = detections;
  const side = Math.max(size.width, size.height);
  const line = Math.max(2, Math.round(side / 400)) / (masks ? 2 : 1);
  const text = Math.max(10, Math.round(side / 50));
  const marks = drawn.map((place) => {
    const [left, top, right, bottom] = Array.from(boxes.subarray(4 * place, 4 * place + 4), (edge) => edge * scale);
    const box = { left: left!, top: top!, width: right! - left!, height: bottom! - top! };
    const colour = colours.get(classes[place]!)!;
    const words = names && wordsOf(names, classes[place]!, scores[place]!);
    return html`${rectangle(box, colour, line)}${words && label(words, box, colour, text, size)}`;
  });
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${marks}</svg>`;
}

/** Where there is one class, its name says nothing. */
const wordsOf = (names: readonly string[], place: number, score: number): string =>
  names.length === 1 ? score.toFixed(2) : `${shownName(names[place] ?? "?")} ${score.toFixed(2)}`;

/** Short, and without what XML forbids. */
const shownName = (name: string): string => displayName(name.slice(0, mostLetters)).replace(/[\ufffe\uffff]/g, "?");

interface Box extends Size {
  left: number;
  top: number;
}

const css = ([red, green, blue]: Colour): string => `rgb(${red},${green},${blue})`;
const fixed = (value: number): string => value.toFixed(1);

/** A dark line around the coloured one keeps it visible on any ground. */
const rectangle = ({ left, top, width, height }: Box, colour: Colour, line: number): Markup => {
  const place = new Markup(
    `x="${fixed(left)}" y="${fixed(top)}" width="${fixed(width)}" height="${fixed(height)}" fill="none"`,
  );
  return html`<rect ${place} stroke="black" stroke-opacity="0.5" stroke-width="${2 * line}"/><rect ${place} stroke="${css(colour)}" stroke-width="${line}"/>`;
};

/** Above its box where there is room, else inside, and never beyond the picture's edges. */
function label(words: string, { left, top }: Box, colour: Colour, text: number, size: Size): Markup {
  const [width, height] = [text * 0.62 * words.length + text * 0.6, text * 1.35];
  const x = Math.max(0, Math.min(left, size.width - width));
  const y = Math.max(0, Math.min(top >= height ? top - height : top, size.height - height));
  return html`<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}" fill="${css(colour)}"/><text x="${fixed(
    x + text * 0.3,
  )}" y="${fixed(y + text)}" font-family="DejaVu Sans, Arial, Helvetica, sans-serif" font-size="${text}" fill="${isLight(colour) ? "black" : "white"}">${words}</text>`;
}

const isLight = ([red, green, blue]: Colour): boolean => 0.299 * red + 0.587 * green + 0.114 * blue > 128;
