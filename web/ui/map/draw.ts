// N points. Written into the canvas's pixels by ourselves: where no graphics card is, that is ten times quicker than WebGL, and with one it is quick enough.
import type { View } from "./places.ts";

export interface Drawn {
  /** Places [N, 2] to come from and to go to. */
  from: Float32Array;
  to: Float32Array;
  /** Of each point its class. */
  classes: Uint8Array;
  /** 1 for those that stand out; empty: none does. */
  chosen: Uint8Array;
}

export interface PointDrawing {
  load(points: Drawn): void;
  /** `way` from 0 to 1; light or dark ground. */
  draw(view: View, way: number, isDark: boolean): void;
}

/** Eight colours that the colour-blind tell apart (Okabe and Ito); beyond them, other forms. */
export const palette = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#d55e00",
  "#8a7a00",
  "#7f7f7f",
] as const;

type Rgb = readonly [number, number, number];
const grounds: { light: Rgb; dark: Rgb } = { light: [245, 246, 248], dark: [29, 32, 38] };
/** Points that are not chosen step back so far where some are. */
const faded = 0.22;

/** Draws on a canvas; undefined where the browser gives none. */
export function pointDrawing(canvas: HTMLCanvasElement): PointDrawing | undefined {
  const pen = canvas.getContext("2d", { alpha: false });
  if (!pen) return undefined;
  let points: Drawn = {
    from: new Float32Array(),
    to: new Float32Array(),
    classes: new Uint8Array(),
    chosen: new Uint8Array(),
  };
  let image: ImageData | undefined;
  return {
    load(given) {
      points = given;
    },
    draw(view, way, isDark) {
      const { width, height } = canvas;
      if (width === 0 || height === 0 || canvas.clientWidth === 0) return; // the page has gone on
      if (image?.width !== width || image.height !== height) image = pen.createImageData(width, height);
      const ground = isDark ? grounds.dark : grounds.light;
      const pixels = new Uint32Array(image.data.buffer);
      pixels.fill(packed(ground));
      const ratio = width / canvas.clientWidth;
      const stage = { pixels, width, height, view: { ...view, zoom: view.zoom * ratio }, way };
      const radius = ratio * radiusOf(points.to.length / 2);
      if (points.chosen.some((one) => one > 0)) {
        stamp(stage, points, {
          radius,
          isChosen: 0,
          colours: palette.map((colour) => packed(mixed(rgbOf(colour), ground))),
        });
        stamp(stage, points, {
          radius: 1.4 * radius,
          isChosen: 1,
          colours: palette.map((colour) => packed(rgbOf(colour))),
        });
      } else
        stamp(stage, points, { radius, isChosen: undefined, colours: palette.map((colour) => packed(rgbOf(colour))) });
      pen.putImageData(image, 0, 0);
    },
  };
}

const radiusOf = (count: number): number => (count > 10_000 ? 1.5 : count > 2000 ? 3 : 4.5);

const rgbOf = (colour: string): Rgb =>
  [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as unknown as Rgb;

const mixed = (colour: Rgb, ground: Rgb): Rgb =>
  colour.map((value, band) => faded * value + (1 - faded) * ground[band]!) as unknown as Rgb;

/** As canvases hold a pixel, on machines that store the low byte first: those that browsers run on. */
const packed = ([red, green, blue]: Rgb): number => (255 << 24) | (blue << 16) | (green << 8) | red;

interface Stage {
  pixels: Uint32Array; // [height, width]
  width: number;
  height: number;
  view: View;
  way: number;
}

interface Stamps {
  radius: number;
  /** Only points whose mark is this one; undefined: all. */
  isChosen: number | undefined;
  /** Of each class, modulo eight. */
  colours: readonly number[];
}

function stamp(
  { pixels, width, height, view, way }: Stage,
  points: Drawn,
  { radius, isChosen, colours }: Stamps,
): void {
  const { from, to, classes, chosen } = points;
  const forms = [0, 1, 2].map((form) => offsetsOf(form, radius, width));
  const edge = Math.ceil(radius) + 1;
  for (let i = 0; i < to.length / 2; i++) {
    if (isChosen !== undefined && (chosen[i] ?? 0) !== isChosen) continue;
    const x = from[2 * i]! + way * (to[2 * i]! - from[2 * i]!);
    const y = from[2 * i + 1]! + way * (to[2 * i + 1]! - from[2 * i + 1]!);
    const column = Math.round(width / 2 + (x - view.x) * view.zoom);
    const row = Math.round(height / 2 - (y - view.y) * view.zoom);
    if (!(column >= edge && column < width - edge && row >= edge && row < height - edge)) continue; // and no NaN
    const own = classes[i]!;
    const [colour, middle] = [colours[own % 8]!, row * width + column];
    for (const offset of forms[Math.floor(own / 8) % 3]!) pixels[middle + offset] = colour;
  }
}

/** Where the pixels of a circle, a square or a diamond lie, from its middle on. */
function offsetsOf(form: number, radius: number, width: number): Int32Array {
  const offsets: number[] = [];
  const reach = Math.ceil(radius);
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) if (isWithin(form, x, y, radius)) offsets.push(y * width + x);
  return Int32Array.from(offsets);
}

function isWithin(form: number, x: number, y: number, radius: number): boolean {
  if (form === 0) return x * x + y * y <= radius * radius;
  return form === 1 ? Math.max(Math.abs(x), Math.abs(y)) <= 0.9 * radius : Math.abs(x) + Math.abs(y) <= 1.2 * radius;
}
