// View recipes to begin with, by what the pictures are; each says what it presumes of them.
import { barlowTwinsViews, type ViewRecipe } from "../../augment/index.ts";

/** A recipe as data, with what must be true of pictures for which it is right. */
export interface ViewPreset {
  name: string;
  title: string;
  presumes: string;
  views: ViewRecipe[];
}

type Difference = Omit<Partial<ViewRecipe>, "size" | "normalize">;

interface PresetData {
  name: string;
  title: string;
  presumes: string;
  /** From the paper's two views, each. */
  differences: readonly [Difference, Difference];
}

const twice = (difference: Difference): readonly [Difference, Difference] => [difference, difference];
const noSolarize: ViewRecipe["solarize"] = { probability: 0, threshold: 128 };

const presets: readonly PresetData[] = [
  {
    name: "photos",
    title: "Photographs",
    presumes:
      "A twelfth of the picture still shows what it is of; left and right, colours and sharpness say nothing of it. The paper's own views (arXiv 2103.03230, section 2.2).",
    differences: [{}, {}],
  },
  {
    name: "small-pictures",
    title: "Small pictures",
    presumes:
      "The subject fills the picture, which has at most some 64 pixels a side: crops keep a fifth of it, and nothing is blurred, as little is sharp (arXiv 2002.05709, appendix B.9).",
    differences: twice({
      crop: { scale: [0.2, 1], ratio: [3 / 4, 4 / 3], interpolation: "bicubic" },
      blur: { probability: 0, sigma: [0.1, 2] },
      solarize: noSolarize,
    }),
  },
  {
    name: "micrographs",
    title: "Micrographs",
    presumes:
      "Sizes and the colours of stains carry meaning, so crops keep their scale within a factor of two and hues stay; focus and illumination differ from picture to picture and say nothing.",
    differences: twice({
      crop: { scale: [0.25, 1], ratio: [0.9, 1.1], interpolation: "bicubic" },
      jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.1, hue: 0.02 },
      grayscale: 0,
      blur: { probability: 0.5, sigma: [0.1, 1] },
      solarize: noSolarize,
    }),
  },
  {
    name: "documents",
    title: "Documents",
    presumes:
      "Writing has a direction, so nothing is mirrored; the layout of a page is what it is known by, so crops keep most of it; paper, ink and light differ and say nothing.",
    differences: twice({
      crop: { scale: [0.5, 1], ratio: [0.8, 1.25], interpolation: "bicubic" },
      flip: 0,
      jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
      grayscale: 0.3,
      blur: { probability: 0.3, sigma: [0.1, 0.8] },
      solarize: noSolarize,
    }),
  },
];

/** The presets for views of this side in pixels. */
export const viewPresets = (size: number): ViewPreset[] =>
  presets.map(({ differences, ...preset }) => ({
    ...preset,
    views: barlowTwinsViews({ size }).map((view, i) => ({ ...view, ...structuredClone(differences[i]!) })),
  }));
