// Where the pictures of a run lie while it trains.
import {
  type Carrier,
  carriedFeed,
  type Feed,
  feedTo,
  makeResident,
  type ResidentPictures,
  residentFeed,
} from "../../augment/index.ts";
import { type BatchOptions, batches, type Dataset, namedBatches } from "../../data/index.ts";
import { freeMemory } from "../../torch/index.ts";
import { isOutOfMemory } from "../out-of-memory.ts";
import type { TrainState } from "../state.ts";

/** Of the memory that a device has free when the networks lie there: activations come later. */
const largestShare = 1 / 4;
/** Where a libtorch does not say what is free. */
const presumedFree = 2 ** 32;

/** The pictures that lie on the run's device, where they do. */
export interface Residence {
  resident?: ResidentPictures;
  /** Bytes that they take there. */
  bytes?: number;
  /** Why they do not although that was asked for, in a sentence. */
  problem?: string;
}

/** What a run does by its setting `residentPictures`. To be freed. */
export function openResidence(state: Pick<TrainState, "settings" | "device">, dataset: Dataset): Residence {
  const { settings, device } = state;
  const { residentPictures: wanted } = settings;
  if (wanted === "off" || (wanted === "auto" && device === "cpu")) return {};
  if (dataset.kind === "folder") return wanted === "on" ? { problem: ofFolder(dataset.name) } : {};
  const bytes = dataset.pixels.length;
  if (wanted === "auto" && bytes > largestShare * (freeMemory(device) ?? presumedFree)) return {};
  try {
    return { resident: makeResident(dataset, device), bytes };
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    return { problem: tooLarge(bytes, device) };
  }
}

export const freeResidence = ({ resident }: Residence): void => resident?.bytes.free();

const ofFolder = (name: string): string =>
  `residentPictures is on, but the pictures of ${name} are files of sizes of their own; they are read at every step`;

const tooLarge = (bytes: number, device: string): string =>
  `the pictures take ${(bytes / 2 ** 20).toFixed(1)} MiB, and ${device} has no memory for them; they are copied there batch by batch`;

/** The batches of a run, their pictures on their way to the device: resident, carried one batch ahead, or on the CPU as they lie. */
export function openFeed(
  { device }: Pick<TrainState, "device">,
  { resident }: Residence,
  dataset: Dataset,
  options: BatchOptions,
  carrier?: Carrier,
): Feed {
  if (resident && dataset.kind === "array") return residentFeed(namedBatches(dataset, options), resident);
  const source = batches(dataset, options);
  return carrier ? carriedFeed(source, carrier) : feedTo(source, device);
}
