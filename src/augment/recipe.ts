import { z } from "zod";

const probability = z.number().min(0).max(1);
const channels = z.tuple([z.number(), z.number(), z.number()]);
const range = (least: number, most: number) =>
  z
    .tuple([z.number().min(least).max(most), z.number().min(least).max(most)])
    .refine(([low, high]) => low <= high, "the first must not exceed the second");

/** One view's pipeline as data, in the order in which it is applied (arXiv 2103.03230, section 2.2 and BYOL's appendix B). */
export const viewRecipeSchema = z.strictObject({
  /** Side of the square view in pixels. */
  size: z.number().int().min(1).max(1024),
  crop: z.strictObject({
    /** Share of the image's area. */
    scale: range(0.001, 1),
    /** Width over height of the box, drawn evenly on a logarithmic scale. */
    ratio: range(0.1, 10),
    interpolation: z.enum(["bicubic", "bilinear"]),
  }),
  /** Probability of mirroring left and right. */
  flip: probability,
  /** Factors are drawn from [1 - x, 1 + x]; hue moves by up to x turns; the four in random order. */
  jitter: z.strictObject({
    probability,
    brightness: z.number().min(0).max(1),
    contrast: z.number().min(0).max(1),
    saturation: z.number().min(0).max(1),
    hue: z.number().min(0).max(0.5),
  }),
  grayscale: probability,
  /** Standard deviation in pixels of the view. */
  blur: z.strictObject({ probability, sigma: range(0.01, 20) }),
  /** Values of at least threshold / 255 are inverted. */
  solarize: z.strictObject({ probability, threshold: z.number().min(0).max(255) }),
  /** (x - mean) / std per channel, x in [0, 1]. */
  normalize: z.strictObject({
    mean: channels,
    std: channels.refine((std) => std.every((value) => value > 0), "each must be above 0"),
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
