// A network that can be made anew, for protocols that change it.
import type { Dataset } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { type TrunkSource, untrainedBackbone } from "../../evaluate/index.ts";
import { type BackboneNetwork, type BackboneOptions, freeNetwork } from "../../nn/index.ts";
import { chosenDevice, chosenPrecision, defaultSettings, readRun } from "../../train/index.ts";
import { buildBackbone } from "../../weights/index.ts";
import { Model } from "../model.ts";
import { naturalSize, type RepresentationOptions, viewOf, weightsOf } from "../representation.ts";
import { warnThroughNode } from "../warnings.ts";

/** What a trunk is made from, and what reports call it. */
export interface NamedTrunk extends TrunkSource {
  source: string;
  name: string;
  features: number;
}

interface Facts {
  name: string;
  network: BackboneOptions;
  fed: Pick<TrunkSource, "size" | "normalize"> & { decodeSize?: number | undefined };
  trained(): BackboneNetwork;
}

/**
 * The trunk of a run, of a weights file, or an untrained one, as often as it is asked for.
 *
 * @throws SelfsightError "configuration" for pixels, which have no network; "checkpoint" as `openRepresentation`.
 */
export function openTrunk(given: string | Model, dataset: Dataset, options: RepresentationOptions): NamedTrunk {
  const source = given instanceof Model ? given.opened.source : given;
  const { name, network, fed, trained } = factsOf(source, dataset, options);
  const device = chosenDevice(options.device ?? "auto");
  const { size = fed.size } = options;
  const { decodeSize = Math.round((size * 8) / 7) } = size === fed.size ? fed : {};
  return {
    ...{ source, name, size, decodeSize, device, normalize: fed.normalize, features: featuresOf(network) },
    precision: chosenPrecision(options.precision ?? "auto", device),
    trained,
    untrained: (seed) => untrainedBackbone({ ...network, seed }),
  };
}

const featuresOf = (network: BackboneOptions): number => {
  const made = untrainedBackbone({ ...network, seed: 0 });
  try {
    return made.outputSize;
  } finally {
    freeNetwork(made);
  }
};

function factsOf(source: string, dataset: Dataset, options: RepresentationOptions): Facts {
  const [, baseline, run] = /^(pixels|untrained)(?::(.+))?$/.exec(source) ?? [];
  if (baseline === "pixels") throw noNetwork(source);
  return baseline === undefined ? trainedFacts(source, options) : untrainedFacts(dataset, run, options);
}

function trainedFacts(source: string, { warn = warnThroughNode }: RepresentationOptions): Facts {
  const { weights } = weightsOf(source, warn);
  const { backbone, stem, width, size, normalization, decodeSize } = weights;
  return {
    name: displayName(source),
    network: { backbone, stem, width, size, zeroInitResidual: true },
    fed: { size, normalize: normalization, decodeSize },
    trained: () => buildBackbone(weights),
  };
}

function untrainedFacts(dataset: Dataset, run: string | undefined, { size, seed = 0 }: RepresentationOptions): Facts {
  const natural = size ?? naturalSize(dataset);
  const settings = run === undefined ? { ...defaultSettings({ size: natural }), seed } : readRun(run).settings;
  return {
    name: "untrained",
    network: settings,
    fed: viewOf(settings),
    trained: () => untrainedBackbone(settings),
  };
}

function noNetwork(source: string): SelfsightError {
  return new SelfsightError(
    "configuration",
    `evaluate: ${displayName(source)} with a protocol that trains the network; pixels have none; give a run, weights, or untrained`,
  );
}
