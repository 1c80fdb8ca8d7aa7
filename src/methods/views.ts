// View recipes of the papers, each as its difference from Barlow Twins' first view.
import { barlowTwinsViews, type Normalization, type normalizations, type ViewRecipe } from "../augment/index.ts";

export interface ViewsOptions {
  /** Side in pixels. Pictures up to 64 are small: they are not blurred (arXiv 2002.05709, appendix B.9). */
  size: number;
  normalize?: keyof typeof normalizations;
}

const isSmall = (size: number): boolean => size <= 64;

function viewLike({ size, normalize = "imagenet" }: ViewsOptions, difference: Partial<ViewRecipe>): ViewRecipe {
  return { ...barlowTwinsViews({ size, normalize })[0], ...difference };
}

const halfBlurred = (size: number): ViewRecipe["blur"] => ({ probability: isSmall(size) ? 0 : 0.5, sigma: [0.1, 2] });

const jitter = (brightness: number, contrast: number, saturation: number, hue: number): ViewRecipe["jitter"] => ({
  probability: 0.8,
  brightness,
  contrast,
  saturation,
  hue,
});

const crop = (scale: [number, number], interpolation: "bicubic" | "bilinear"): ViewRecipe["crop"] => ({
  scale,
  ratio: [3 / 4, 4 / 3],
  interpolation,
});

const twice = (view: ViewRecipe): ViewRecipe[] => [view, structuredClone(view)];

/** arXiv 2002.05709, appendix A: colour strength 1, half of it on small pictures; values stay in [0, 1] unless `normalize` is given. */
export function simclrViews({ size, normalize }: ViewsOptions): ViewRecipe[] {
  const strength = isSmall(size) ? 0.5 : 1;
  const raw: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
  const view = viewLike(
    { size, ...(normalize && { normalize }) },
    {
      jitter: jitter(0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength),
      blur: halfBlurred(size),
      ...(!normalize && { normalize: raw }),
    },
  );
  return twice(view);
}

/** arXiv 2003.04297, section 3, and SimSiam's (arXiv 2011.10566, section 3): crops of at least a fifth, milder colours. */
export function mocoViews(options: ViewsOptions): ViewRecipe[] {
  const difference = {
    crop: crop([0.2, 1], "bilinear"),
    jitter: jitter(0.4, 0.4, 0.4, 0.1),
    blur: halfBlurred(options.size),
  };
  return twice(viewLike(options, difference));
}

/**
 * arXiv 2006.09882, section 4.1: two crops of the whole size, and six of 96/224 of it that show a twentieth to a seventh of the
 * picture. Pictures of up to 64 pixels are too small for those: two crops only.
 */
export function swavViews(options: ViewsOptions, smallCrops = isSmall(options.size) ? 0 : 6): ViewRecipe[] {
  const strength = isSmall(options.size) ? 0.5 : 1;
  const view = (size: number, scale: [number, number]) =>
    viewLike(
      { ...options, size },
      {
        crop: crop(scale, "bilinear"),
        jitter: jitter(0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength),
        blur: halfBlurred(options.size),
      },
    );
  const smallSize = Math.max(8, Math.round((options.size * 96) / 224));
  return [
    ...twice(view(options.size, [0.14, 1])),
    ...Array.from({ length: smallCrops }, () => view(smallSize, [0.05, 0.14])),
  ];
}

/** Crop and flip alone: what the papers' supervised rows are trained with. */
export const supervisedViews = (options: ViewsOptions): ViewRecipe[] => [
  viewLike(options, {
    crop: crop([0.08, 1], "bilinear"),
    jitter: { ...jitter(0, 0, 0, 0), probability: 0 },
    grayscale: 0,
    blur: { probability: 0, sigma: [0.1, 2] },
  }),
];
