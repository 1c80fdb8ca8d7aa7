// N images, D features
import { barlowTwinsViews, type ViewRecipe } from "../../augment/index.ts";
import { openDataset, warnOfSkipped } from "../../data/index.ts";
import {
  noReading,
  ofLeader,
  type Representation,
  type UnlabelledQuality,
  unlabelledQuality,
  viewedFeatures,
} from "../../evaluate/index.ts";
import { refuseOtherTrunk } from "../embeddings/trunk.ts";
import { Model } from "../model.ts";
import { openRepresentation, rulesOfSource } from "../representation.ts";
import { warnThroughNode } from "../warnings.ts";
import { given } from "./given.ts";
import type { Circumstances } from "./on-features.ts";
import type { Asked, Protocol, ProtocolReport } from "./protocol.ts";

/** `value` is RankMe as a share of the features (of the images, where they are fewer). */
export interface UnlabelledReport extends ProtocolReport, UnlabelledQuality {
  representation: Circumstances["representation"];
  data: { name: string; badFiles: number };
  seconds: { features: number; protocol: number };
}

/** RankMe, alignment and uniformity of features: no label is read. */
export const unlabelled: Protocol<object, UnlabelledReport> = { own: {}, isRunByAll: () => true, run };

/** Enough for a rank of some hundreds; RankMe's authors take 25,600. */
const usualImages = 5000;

async function run({ source, data, options }: Asked<object>): Promise<UnlabelledReport> {
  const { limit = usualImages, split = "train", warn = warnThroughNode } = options;
  const own = source instanceof Model ? source.representation.rules : rulesOfSource(source);
  const dataset = await openDataset(data, { limit, split, rules: { ...own, ...options.rules } });
  warnOfSkipped([dataset], warn);
  if (source instanceof Model) return measured(source.representation, source.name);
  const representation = openRepresentation(source, dataset, options);
  try {
    await refuseOtherTrunk(options.sharing, source, representation.trunk);
    return await measured(representation, source);
  } finally {
    representation.free();
  }

  async function measured(representation: Representation, opened: string): Promise<UnlabelledReport> {
    const { seed, reading = noReading } = options;
    const { end, ...told } = reading(dataset);
    const startedAt = performance.now();
    const views = viewsFor(representation);
    const features = await viewedFeatures(representation, dataset, {
      views,
      reading: told,
      ...given({ seed }),
    }).finally(end);
    const extractedAt = performance.now();
    const found = await ofLeader(told.sharing, () => unlabelledQuality(features, representation.device));
    const { name, size, device, precision } = representation;
    return {
      protocol: `unlabelled-v1 RankMe share, ${found.images} images, ${split} split, views of Barlow Twins${seed ? `, seed ${seed}` : ""}`,
      value: found.rankMe / Math.min(found.images, found.dimensions),
      ...found,
      notes: notesOn(found),
      representation: { source: opened, name, size, features: found.dimensions, device, precision },
      data: { name: dataset.name, badFiles: dataset.length - found.images },
      seconds: { features: (extractedAt - startedAt) / 1000, protocol: (performance.now() - extractedAt) / 1000 },
    };
  }
}

/** The same views for every trunk, whatever it was trained with: then its figures can be set beside others'. */
const viewsFor = ({ size, normalize }: Representation): [ViewRecipe, ViewRecipe] => {
  const [first, second] = barlowTwinsViews({ size });
  return [
    { ...first!, normalize },
    { ...second!, normalize },
  ];
};

const notesOn = ({ images, dimensions }: UnlabelledQuality): string[] => [
  "RankMe, alignment and uniformity depend on the number of features and the pictures: compare trunks of one width on one set",
  ...(images < dimensions
    ? [`${images} images are fewer than ${dimensions} features: RankMe can be ${images} at most`]
    : []),
];
