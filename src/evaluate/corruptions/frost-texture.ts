// T side of a texture in pixels
import { plasma, type Random, randomOf, uniform } from "./picture.ts";

export interface Texture {
  planes: Float32Array; // [3, T, T]
  side: number;
}

const textureKey = 0x69636521;
const drawn = new Map<string, Texture>();

/**
 * Ice on a window, drawn: feathery crystals with branches at 60 degrees over a haze that a fractal makes thick and thin, a little blue. One of
 * five for each size, the same on every machine; kept once drawn. Twice the picture's side, so that each picture gets its own part.
 */
export function iceTexture(size: number, number: number): Texture {
  const key = `${size} ${number}`;
  const known = drawn.get(key);
  if (known) return known;
  const texture = draw(size, randomOf(0, textureKey, number));
  drawn.set(key, texture);
  return texture;
}

function draw(size: number, random: Random): Texture {
  const side = 2 ** Math.ceil(Math.log2(2 * size));
  const ice = new Float32Array(side * side);
  const haze = plasma(side, 2, random);
  const length = 0.35 * Math.max(size, 32);
  for (let crystal = 0; crystal < 40; crystal++) {
    const start = { x: random() * side, y: random() * side, angle: 2 * Math.PI * random() };
    branch(ice, side, start, { length: length * uniform(random, 0.4, 1.4), depth: 2, random });
  }
  const tint = [0.86, 0.94, 1];
  const planes = new Float32Array(3 * side * side);
  for (const [plane, share] of tint.entries())
    for (let place = 0; place < ice.length; place++) {
      const grey = 0.2 + 0.7 * haze[place]! + 0.45 * Math.min(1, ice[place]!) * (0.35 + 0.65 * haze[place]!);
      planes[plane * ice.length + place] = Math.min(1, share * grey);
    }
  return { planes, side };
}

interface Growth {
  length: number;
  /** How often branches branch again. */
  depth: number;
  random: Random;
}

/** A needle that thins out, with shorter ones at 60 degrees on both sides. */
function branch(
  ice: Float32Array,
  side: number,
  { x, y, angle }: { x: number; y: number; angle: number },
  { length, depth, random }: Growth,
): void {
  for (let at = 0; at < length; at++) {
    const [px, py] = [x + at * Math.cos(angle), y + at * Math.sin(angle)];
    dab(ice, side, px, py, (1 - at / length) * (0.4 + 0.3 * depth));
    if (depth === 0 || at % 4 !== 3) continue;
    for (const turn of [-1, 1]) {
      const next = { x: px, y: py, angle: angle + (turn * Math.PI) / 3 };
      branch(ice, side, next, { length: (length - at) * uniform(random, 0.2, 0.5), depth: depth - 1, random });
    }
  }
}

/** A point of light shared out to the four pixels around it; the texture goes round. */
function dab(ice: Float32Array, side: number, x: number, y: number, light: number): void {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  for (const [right, down] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const) {
    const share = (1 - Math.abs(x - left - right)) * (1 - Math.abs(y - top - down));
    const [column, row] = [left + right, top + down].map((own) => ((own % side) + side) % side);
    ice[row! * side + column!]! += share * light;
  }
}
