// The fifteen common corruptions (Hendrycks and Dietterich 2019, arXiv 1903.12261), each a function of a picture, a strength and a key.
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { defocusBlur, glassBlur, motionBlur, zoomBlur } from "./blurs.ts";
import { contrast, elastic, jpeg, pixelate } from "./digital.ts";
import { gaussianNoise, impulseNoise, shotNoise } from "./noise.ts";
import { type Picture, type Random, randomOf } from "./picture.ts";
import { type Constants, type CorruptionName, corruptionNames, strengths, strengthsFor } from "./strengths.ts";
import { brightness, fog, frost, snow } from "./weather.ts";

type Corruption<Name extends CorruptionName> = (
  picture: Picture,
  constants: Constants[Name],
  random: Random,
) => Picture | Promise<Picture>;

const corruptions: { [Name in CorruptionName]: Corruption<Name> } = {
  "gaussian-noise": gaussianNoise,
  "shot-noise": shotNoise,
  "impulse-noise": impulseNoise,
  "defocus-blur": defocusBlur,
  "glass-blur": glassBlur,
  "motion-blur": motionBlur,
  "zoom-blur": zoomBlur,
  snow,
  frost,
  fog,
  brightness,
  contrast,
  elastic,
  pixelate,
  jpeg,
};

const corruptionKey = 0x636f7272;

/** What a picture's chance hangs on: the same for every trunk and every machine. */
export interface CorruptionKey {
  seed: number;
  /** The picture's place in its dataset. */
  sample: number;
}

/**
 * A picture [3, S, S] of 8-bit steps under a corruption of strength 1 to 5, in 8-bit steps again, cut off as the published sets are.
 * Noise, angles and fields depend on (seed, sample, corruption, strength) alone.
 */
export async function corrupted(
  picture: Picture,
  name: CorruptionName,
  strength: number,
  { seed, sample }: CorruptionKey,
): Promise<Picture> {
  const corruption = corruptions[name] as Corruption<CorruptionName>;
  const constants = strengths[strengthsFor(picture.size)][name][strength - 1]!;
  const random = randomOf(seed, corruptionKey, sample, corruptionNames.indexOf(name), strength);
  const { planes, size } = await corruption(picture, constants, random);
  return { planes: planes.map(cutOff), size };
}

/** Bytes are cut off, not rounded; 255 · (v / 255) may lie just below v. */
const cutOff = (value: number): number => Math.floor(Math.min(255, Math.max(0, 255 * value + 1e-4))) / 255;

/** Errors: configuration, naming the nearest. */
export function corruptionNamed(name: string): CorruptionName {
  if ((corruptionNames as readonly string[]).includes(name)) return name as CorruptionName;
  throw new SelfsightError(
    "configuration",
    `robustness: ${displayName(name)} is no corruption; ${corruptionNames.join(", ")} are there; choose among them.${didYouMean(name, corruptionNames)}`,
  );
}

/** Errors: configuration, for what is no strength from 1 to 5. */
export function refuseStrength(strength: number): number {
  if (Number.isInteger(strength) && strength >= 1 && strength <= 5) return strength;
  throw new SelfsightError(
    "configuration",
    `robustness: strength ${strength}; a whole number from 1 (weakest) to 5 (strongest) is needed; leave --strengths out for all five`,
  );
}
