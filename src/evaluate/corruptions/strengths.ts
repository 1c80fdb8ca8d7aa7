// The five strengths of each corruption, as CIFAR-10-C has them for 32 pixels and ImageNet-C for 224 (arXiv 1903.12261 and its code,
// github.com/hendrycks/robustness, ImageNet-C/create_c/make_cifar_c.py and make_imagenet_c.py). Lengths are in pixels.

type Five<Value> = readonly [Value, Value, Value, Value, Value];

interface Blur {
  radius: number;
  sigma: number;
}

/** What each corruption is told. */
export interface Constants {
  /** Standard deviation of the noise. */
  "gaussian-noise": number;
  /** Photons of a white pixel. */
  "shot-noise": number;
  /** Share of values that become 0 or 1. */
  "impulse-noise": number;
  /** Radius of the disk, and of the blur that softens its edge. */
  "defocus-blur": readonly [radius: number, softness: number];
  "glass-blur": readonly [sigma: number, reach: number, rounds: number];
  "motion-blur": Blur;
  /** Enlargements from 1 on, `count` of them. */
  "zoom-blur": { step: number; count: number };
  snow: { mean: number; deviation: number; zoom: number; threshold: number; blur: Blur; keep: number };
  frost: readonly [picture: number, ice: number];
  fog: readonly [amount: number, decay: number];
  /** Added to the value of HSV. */
  brightness: number;
  /** What is left of the distance from the mean. */
  contrast: number;
  /** In shares of the side: how far pixels go, how smooth that is, how far the corners go. */
  elastic: readonly [distance: number, smoothness: number, corners: number];
  /** Side that is left, as a share. */
  pixelate: number;
  /** JPEG's quality. */
  jpeg: number;
}

/** In the order of the paper: noise, blur, weather, digital. */
export type CorruptionName =
  | "gaussian-noise"
  | "shot-noise"
  | "impulse-noise"
  | "defocus-blur"
  | "glass-blur"
  | "motion-blur"
  | "zoom-blur"
  | "snow"
  | "frost"
  | "fog"
  | "brightness"
  | "contrast"
  | "elastic"
  | "pixelate"
  | "jpeg";
type Strengths = { readonly [Name in CorruptionName]: Five<Constants[Name]> };

const blur = (radius: number, sigma: number): Blur => ({ radius, sigma });
const zoom = (step: number, count: number) => ({ step, count });
const flakes = (...own: readonly [number, number, number, number, number, number, number]): Constants["snow"] => {
  const [mean, deviation, enlarged, threshold, radius, sigma, keep] = own;
  return { mean, deviation, zoom: enlarged, threshold, blur: { radius, sigma }, keep };
};

const cifar: Strengths = {
  "gaussian-noise": [0.04, 0.06, 0.08, 0.09, 0.1],
  "shot-noise": [500, 250, 100, 75, 50],
  "impulse-noise": [0.01, 0.02, 0.03, 0.05, 0.07],
  "defocus-blur": [
    [0.3, 0.4],
    [0.4, 0.5],
    [0.5, 0.6],
    [1, 0.2],
    [1.5, 0.1],
  ],
  "glass-blur": [
    [0.05, 1, 1],
    [0.25, 1, 1],
    [0.4, 1, 1],
    [0.25, 1, 2],
    [0.4, 1, 2],
  ],
  "motion-blur": [blur(6, 1), blur(6, 1.5), blur(6, 2), blur(8, 2), blur(9, 2.5)],
  "zoom-blur": [zoom(0.01, 7), zoom(0.01, 12), zoom(0.01, 16), zoom(0.01, 21), zoom(0.01, 26)],
  snow: [
    flakes(0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    flakes(0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    flakes(0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    flakes(0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    flakes(0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
  ],
  frost: [
    [1, 0.2],
    [1, 0.3],
    [0.9, 0.4],
    [0.85, 0.4],
    [0.75, 0.45],
  ],
  fog: [
    [0.2, 3],
    [0.5, 3],
    [0.75, 2.5],
    [1, 2],
    [1.5, 1.75],
  ],
  brightness: [0.05, 0.1, 0.15, 0.2, 0.3],
  contrast: [0.75, 0.5, 0.4, 0.3, 0.15],
  elastic: [
    [0, 0, 0.08],
    [0.05, 0.2, 0.07],
    [0.08, 0.06, 0.06],
    [0.1, 0.04, 0.05],
    [0.1, 0.03, 0.03],
  ],
  pixelate: [0.95, 0.9, 0.85, 0.75, 0.65],
  jpeg: [80, 65, 58, 50, 40],
};

/** The code of ImageNet-C counts from 244 pixels here, and its pictures were made so. */
const of244 = (distance: number, smoothness: number, corners: number) =>
  [(distance * 244) / 224, (smoothness * 244) / 224, (corners * 244) / 224] as const;

const imagenet: Strengths = {
  "gaussian-noise": [0.08, 0.12, 0.18, 0.26, 0.38],
  "shot-noise": [60, 25, 12, 5, 3],
  "impulse-noise": [0.03, 0.06, 0.09, 0.17, 0.27],
  "defocus-blur": [
    [3, 0.1],
    [4, 0.5],
    [6, 0.5],
    [8, 0.5],
    [10, 0.5],
  ],
  "glass-blur": [
    [0.7, 1, 2],
    [0.9, 2, 1],
    [1, 2, 3],
    [1.1, 3, 2],
    [1.5, 4, 2],
  ],
  "motion-blur": [blur(10, 3), blur(15, 5), blur(15, 8), blur(15, 12), blur(20, 15)],
  "zoom-blur": [zoom(0.01, 12), zoom(0.01, 16), zoom(0.02, 11), zoom(0.02, 13), zoom(0.03, 11)],
  snow: [
    flakes(0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    flakes(0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    flakes(0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    flakes(0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    flakes(0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
  ],
  frost: [
    [1, 0.4],
    [0.8, 0.6],
    [0.7, 0.7],
    [0.65, 0.7],
    [0.6, 0.75],
  ],
  fog: [
    [1.5, 2],
    [2, 2],
    [2.5, 1.7],
    [2.5, 1.5],
    [3, 1.4],
  ],
  brightness: [0.1, 0.2, 0.3, 0.4, 0.5],
  contrast: [0.4, 0.3, 0.2, 0.1, 0.05],
  elastic: [
    of244(2, 0.7, 0.1),
    of244(2, 0.08, 0.2),
    of244(0.05, 0.01, 0.02),
    of244(0.07, 0.01, 0.02),
    of244(0.12, 0.01, 0.02),
  ],
  pixelate: [0.6, 0.5, 0.4, 0.3, 0.25],
  jpeg: [25, 18, 15, 10, 7],
};

/** Of which published set the strengths are. */
export type StrengthsName = "cifar-c" | "imagenet-c";

/** 32 and 224 pixels have their own; other sides take those of the nearer one, by ratio (85 pixels lie midway). */
export const strengthsFor = (size: number): StrengthsName => (size * size < 32 * 224 ? "cifar-c" : "imagenet-c");

export const strengths: Readonly<Record<StrengthsName, Strengths>> = { "cifar-c": cifar, "imagenet-c": imagenet };

/** In the order of the paper: noise, blur, weather, digital. */
export const corruptionNames = Object.keys(cifar) as CorruptionName[];

/** From the weakest on. */
export const allStrengths = [1, 2, 3, 4, 5] as const;
