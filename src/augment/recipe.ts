import { z } from "zod";

const probability = z.number().min(0).max(1);
const channels = z.tuple([z.number(), z.number(), z.number()]);
const range = (least: number, most: number) =>
  z
    .tuple([z.number().min(least).max(most), z.number().min(least).max(most)])
    .refine(([low, high]) => low <= high, "the first must not exceed the second");

/** One view's pipeline as data, in the order in which it is applied (arXiv 2103.03230, section 2.2 and BYOL's appendix B). */
export const viewRecipeSchema = z.strictObject({
  size: z.number().int().min(1).max(1024).describe("side of the square view in pixels"),
  crop: z.strictObject({
    scale: range(0.001, 1).describe("least and most share of the image's area"),
    ratio: range(0.1, 10).describe("least and most width over height of the box, drawn evenly on a logarithmic scale"),
    interpolation: z.enum(["bicubic", "bilinear"]).describe("how the crop is brought to the view's size"),
  }),
  flip: probability.describe("probability of mirroring left and right"),
  /** The four in random order. */
  jitter: z.strictObject({
    probability: probability.describe("probability of changing the colours"),
    brightness: z.number().min(0).max(1).describe("x: a factor from 1 - x to 1 + x"),
    contrast: z.number().min(0).max(1).describe("x: a factor from 1 - x to 1 + x"),
    saturation: z.number().min(0).max(1).describe("x: a factor from 1 - x to 1 + x"),
    hue: z.number().min(0).max(0.5).describe("x: hue moves by up to x turns"),
  }),
  grayscale: probability.describe("probability of losing the colours"),
  blur: z.strictObject({
    probability: probability.describe("probability of a blur"),
    sigma: range(0.01, 20).describe("least and most standard deviation in pixels of the view"),
  }),
  solarize: z.strictObject({
    probability: probability.describe("probability of inverting bright values"),
    threshold: z.number().min(0).max(255).describe("values of at least threshold / 255 are inverted"),
  }),
  /** (x - mean) / std per channel, x in [0, 1]. */
  normalize: z.strictObject({
    mean: channels.describe("what is taken from each channel"),
    std: channels
      .refine((std) => std.every((value) => value > 0), "each must be above 0")
      .describe("what each channel is then divided by"),
  }),
});

export type ViewRecipe = z.infer<typeof viewRecipeSchema>;
export type Normalization = ViewRecipe["normalize"];

/** Means and standard deviations of the training pixels, in [0, 1]. */
export const normalizations = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  "fashion-mnist": { mean: [0.286, 0.286, 0.286], std: [0.353, 0.353, 0.353] },
} as const satisfies Record<string, Readonly<{ mean: readonly number[]; std: readonly number[] }>>;

export interface BarlowTwinsViewsOptions {
  size: number;
  /** Small pictures are not blurred (arXiv 2002.05709, appendix B.9). Default: above 64 pixels. */
  blur?: boolean;
  normalize?: keyof typeof normalizations;
}

/** T and T' of the paper: one recipe, and one difference (blur 1.0 and 0.1, solarise 0 and 0.2). */
export function barlowTwinsViews({
  size,
  blur = size > 64,
  normalize = "imagenet",
}: BarlowTwinsViewsOptions): [ViewRecipe, ViewRecipe] {
  const { mean, std } = normalizations[normalize];
  const first: ViewRecipe = {
    size,
    crop: { scale: [0.08, 1], ratio: [3 / 4, 4 / 3], interpolation: "bicubic" },
    flip: 0.5,
    jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 },
    grayscale: 0.2,
    blur: { probability: blur ? 1 : 0, sigma: [0.1, 2] },
    solarize: { probability: 0, threshold: 128 },
    normalize: { mean: [...mean], std: [...std] },
  };
  const second: ViewRecipe = {
    ...first,
    blur: { ...first.blur, probability: blur ? 0.1 : 0 },
    solarize: { probability: 0.2, threshold: 128 },
  };
  return [first, second];
}
