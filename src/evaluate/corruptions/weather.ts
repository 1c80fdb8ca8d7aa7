// S side in pixels
import { iceTexture } from "./frost-texture.ts";
import {
  clamp,
  mapped,
  normals,
  type Picture,
  plasma,
  powerOfTwo,
  type Random,
  smeared,
  uniform,
  zoomed,
} from "./picture.ts";
import type { Constants } from "./strengths.ts";

/** Flakes in flight over a picture that is paler: noise enlarged, cut off, smeared downwards, and the same turned by half a circle. */
export function snow(picture: Picture, own: Constants["snow"], random: Random): Picture {
  const { size, planes } = picture;
  const layer = flakes(size, own, random);
  const area = size * size;
  return mapped(picture, (value, place) => {
    const pixel = place % area;
    const grey = 0.299 * planes[pixel]! + 0.587 * planes[area + pixel]! + 0.114 * planes[2 * area + pixel]!;
    const pale = own.keep * value + (1 - own.keep) * Math.max(value, 1.5 * grey + 0.5);
    return pale + layer[pixel]! + layer[area - 1 - pixel]!;
  });
}

function flakes(size: number, { mean, deviation, zoom, threshold, blur }: Constants["snow"], random: Random) {
  const normal = normals(random);
  const noise = Float32Array.from({ length: size * size }, () => mean + deviation * normal());
  const cut = zoomed(noise, size, zoom).map((value) => (value < threshold ? 0 : Math.floor(255 * clamp(value)) / 255));
  return smeared(cut, size, { ...blur, angle: uniform(random, -135, -45) });
}

/** Ice on the window. The published pictures lay photographs of frost over theirs; here it is drawn, see `iceTexture`. */
export function frost(picture: Picture, [weight, ice]: Constants["frost"], random: Random): Picture {
  const { size } = picture;
  const texture = iceTexture(size, Math.floor(5 * random()));
  const [top, left] = [0, 0].map(() => Math.floor(random() * (texture.side - size)));
  return mapped(picture, (value, place) => {
    const [plane, pixel] = [Math.floor(place / (size * size)), place % (size * size)];
    const at = (top! + Math.floor(pixel / size)) * texture.side + left! + (pixel % size);
    return weight * value + ice * texture.planes[plane * texture.side ** 2 + at]!;
  });
}

/** Fractal fog, and the picture darker by as much. */
export function fog(picture: Picture, [amount, decay]: Constants["fog"], random: Random): Picture {
  const { size, planes } = picture;
  const side = powerOfTwo(size);
  const heights = plasma(side, decay, random);
  const most = planes.reduce((high, value) => Math.max(high, value), 0);
  return mapped(picture, (value, place) => {
    const pixel = place % (size * size);
    return ((value + amount * heights[Math.floor(pixel / size) * side + (pixel % size)]!) * most) / (most + amount);
  });
}

/** The value of HSV raised; hue and saturation stay, so the colours grow by one factor. */
export function brightness(picture: Picture, more: number): Picture {
  const { size, planes } = picture;
  const area = size * size;
  return mapped(picture, (value, place) => {
    const pixel = place % area;
    const brightest = Math.max(planes[pixel]!, planes[area + pixel]!, planes[2 * area + pixel]!);
    const raised = Math.min(1, brightest + more);
    return brightest === 0 ? raised : (value / brightest) * raised;
  });
}
