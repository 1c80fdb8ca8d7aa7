// N pictures, V views of each. Views of a few pictures by a recipe, made by the kernels that training uses, for whoever tries recipes out.
import { stringify } from "yaml";
import { z } from "zod";
import { makeViews, type ViewRecipe, viewParameters, viewRecipeSchema } from "../../augment/index.ts";
import { type Batch, type Dataset, sampleName } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";
import { methodNames, methods } from "../../methods/index.ts";
import { keyedPermutation } from "../../random.ts";
import type { PixelImage } from "../../report/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { changesBetween, decodeSizeOf, defaultSettings } from "../../train/index.ts";
import { batchAt, pixelsOf, sheetOf } from "../results/drawn-pictures.ts";
import { rawPictures } from "../results/raw-pictures.ts";

/** Keeps this choice of pictures apart from other uses of the seed. */
const studioKey = 0x73747564;
const mostPictures = 32;
/** Pixels of all views of one answer; some hundred milliseconds of work. */
const mostPixels = 32_000_000;

const wholeNumber = z.number().int().nonnegative();

/** What the studio is asked: views of some pictures by these recipes. */
export const studioRequestSchema = z.strictObject({
  id: z.union([z.number(), z.string().max(100)]).meta({ needed: "a number or a text of up to 100 characters" }),
  views: z.array(viewRecipeSchema).min(1).max(16).meta({ needed: "a list of 1 to 16 recipes, one for each view" }),
  /** The run's seed, epoch and the places of the pictures say what is drawn, as in training. */
  seed: wholeNumber.max(4294967295).default(0),
  epoch: wholeNumber.max(1e9).default(0),
  /** The setting `size`, from which follows at what size files are decoded. */
  size: z.number().int().min(8).max(1024).default(64),
  pictures: z.number().int().min(1).max(mostPictures).default(10),
  /** Places of the pictures in the data; null: a fixed choice. */
  indices: z.array(wholeNumber).min(1).max(mostPictures).nullable().default(null),
  tile: z.number().int().min(8).max(128).default(96),
  /** Whose defaults the recipe is compared with in `flags`. */
  method: z.enum(methodNames as [string]).default("barlow-twins"),
});

export type StudioRequest = z.input<typeof studioRequestSchema>;
type Asked = z.output<typeof studioRequestSchema>;

/** Views beside their pictures. */
export interface StudioAnswer {
  id: number | string;
  ok: true;
  indices: number[];
  names: string[];
  /** Of the sheet: a picture and its views stand in a row. */
  columns: number;
  tile: number;
  /** The sheet in base64. */
  webp: string;
  /** Of each picture for each view the crop, as shares of the picture: left, top, width, height. */
  boxes: [number, number, number, number][][];
  /** The recipe as options of `pretrain`, where it differs from the method's, and as a file of settings. */
  flags: string;
  yaml: string;
}

export interface Studio {
  /** Errors: configuration (pictures that there are not, too much at once), data (none can be read). */
  answer(request: Asked): Promise<StudioAnswer>;
}

/** A studio on these pictures; those that were asked for last stay decoded. */
export function openStudio(dataset: Dataset): Studio {
  let held: { key: string; batch: Promise<Batch | undefined> } | undefined;
  const batchFor = (places: number[], decodeSize: number) => {
    const key = [decodeSize, ...places].join();
    if (held?.key !== key) held = { key, batch: batchAt(dataset, places, decodeSize) };
    return held.batch;
  };
  return {
    async answer(asked) {
      const places = placesOf(dataset, asked);
      refuseTooMuch(asked, places.length);
      const batch = await batchFor(places, decodeSizeOf({ ...defaultSettings(), size: asked.size }));
      if (!batch) throw nothingToSee(dataset);
      return drawn(dataset, batch, asked);
    },
  };
}

function placesOf({ length, name }: Dataset, { indices, pictures }: Asked): number[] {
  if (indices === null) return [...keyedPermutation(length, 0, studioKey).subarray(0, pictures)];
  const outside = indices.find((place) => place >= length);
  if (outside === undefined) return indices;
  throw new SelfsightError(
    "configuration",
    `studio: picture ${outside} of ${name}; there are ${length}, counted from 0; name one of them`,
  );
}

function refuseTooMuch({ views }: Asked, pictures: number): void {
  const pixels = views.reduce((sum, { size }) => sum + pictures * size * size, 0);
  if (pixels <= mostPixels) return;
  throw new SelfsightError(
    "configuration",
    `studio: views of ${(pixels / 1e6).toFixed(0)} million pixels; at most ${mostPixels / 1e6} million are drawn at once; ask for fewer pictures or smaller views`,
  );
}

const nothingToSee = ({ name }: Dataset) =>
  new SelfsightError(
    "data",
    `studio: none of these pictures of ${name} can be decoded; pictures are needed; name others`,
  );

/** The views of a batch [V x [N, 3, S, S]], exactly those of training with this seed in this epoch. */
export const studioViews = (batch: Batch, { views, seed, epoch }: Pick<Asked, "views" | "seed" | "epoch">): Tensor[] =>
  makeViews({ ...batch, epoch }, views, { seed });

async function drawn(dataset: Dataset, batch: Batch, asked: Asked): Promise<StudioAnswer> {
  const views = studioViews(batch, asked);
  const seen = views.map((view, i) => pixelsOf(view, asked.views[i]!.normalize));
  for (const view of views) view.free();
  const pictures = rawPictures(batch);
  const rows = pictures.flatMap((picture, n): PixelImage[] => [picture, ...seen.map((view) => view[n]!)]);
  const sheet = { tile: asked.tile, columns: 1 + views.length };
  return {
    id: asked.id,
    ok: true,
    indices: [...batch.indices],
    names: Array.from(batch.indices, (place) => sampleName(dataset, place)),
    ...sheet,
    webp: (await sheetOf(rows, sheet)).toString("base64"),
    boxes: pictures.map((picture, n) => asked.views.map((_, v) => boxOf(picture, asked, batch.indices[n]!, v))),
    ...recipeTexts(asked),
  };
}

function boxOf(picture: PixelImage, { views, seed, epoch }: Asked, sample: number, view: number) {
  const { width, height } = picture;
  const { box } = viewParameters(views[view]!, picture, { seed, epoch, sample, view });
  const share = (pixels: number, of: number) => Number((pixels / of).toFixed(4));
  const [left, top] = [share(box.left, width), share(box.top, height)];
  return [left, top, share(box.width, width), share(box.height, height)] as [number, number, number, number];
}

/** A recipe to copy: as options that change the method's own views, or as a file. */
export function recipeTexts({ views, size, method }: Pick<Asked, "views" | "size" | "method">): {
  flags: string;
  yaml: string;
} {
  return { flags: flagsOf(views, size, method), yaml: stringify({ size, views }) };
}

/** Where as many views are wanted as the method has; other recipes need a file. */
function flagsOf(views: readonly ViewRecipe[], size: number, method: string): string {
  const own = methods[method as keyof typeof methods].views(size);
  if (own.length !== views.length) return "";
  const changes = changesBetween(own, views).map(({ key, to }) => ({ key, value: JSON.stringify(to) }));
  const inAll = (rest: string, value: string) =>
    views.every((_, i) => changes.some((other) => other.key === `${i}.${rest}` && other.value === value));
  const words = changes.map(({ key, value }) => {
    const rest = key.slice(key.indexOf(".") + 1);
    return inAll(rest, value) ? `--set 'views.*.${rest}=${value}'` : `--set views.${key}=${value}`;
  });
  return [...new Set([`--size ${size}`, ...words])].join(" ");
}
