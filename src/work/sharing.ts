// Features that several processes compute for one command: process 0 says of what, the others open the same and do their share.
import { type DataSource, type Dataset, lastingSource, openDataset, type ReadingRules, subset } from "../data/index.ts";
import type { Orders, Team } from "../distributed/index.ts";
import {
  featureBatches,
  isToldToAll,
  otherPictures,
  type Representation,
  refuseToShare,
  type SharedPass,
} from "../evaluate/index.ts";
import { chosenDevice } from "../train/index.ts";
import { otherTrunk } from "./embeddings/trunk.ts";
import { evaluate } from "./evaluate.ts";
import { type MeasureSharing, type ProtocolOrder, Stopped } from "./evaluation/protocol.ts";
import type { ProtocolName } from "./evaluation/protocols.ts";
import { type OpenedRepresentation, openingOf, openRepresentation } from "./representation.ts";

/** A network and pictures, in words that another process understands. */
export interface FeatureOrder {
  source: string;
  size?: number | undefined;
  seed?: number | undefined;
  device: string;
  /** How pictures come before it. */
  view: Pick<Representation, "size" | "normalize" | "decodeSize" | "middle" | "precision">;
  /** What the network must be. */
  trunk: string;
  data: DataSource;
  /** Of a choice: its places in the data, as [start, end) each. */
  places?: [number, number][] | undefined;
  rules?: ReadingRules | undefined;
  /** What the pictures must be. */
  fingerprint: string;
  batchSize: number;
}

/** What process 0 asks of the others: features, or a protocol that each of them runs. */
export type Order = FeatureOrder | ProtocolOrder;

/** For process 0: the others compute with it what can be named to them; `onWish` is told when one of them was asked to stop. */
export function sharingBy(orders: Orders<Order>, onWish: () => void): MeasureSharing {
  return {
    team: orders.team,
    async call(pass) {
      const order = orderFor(pass);
      if (order) await orders.give(order);
      return order !== undefined;
    },
    callToProtocol: (order) => orders.give(order),
    onEnd: () => orders.carriedOut(),
    onWish,
  };
}

/** Undefined where another process could not open the same: pictures without a name, a network that is still in the making. */
function orderFor({ representation, dataset, batchSize }: SharedPass): FeatureOrder | undefined {
  const opened = openingOf(representation);
  const from = dataset.source ?? dataset.chosen?.from;
  if (!opened || !from) return undefined;
  const { size, normalize, decodeSize, middle, precision, device } = representation;
  const { source, seed } = opened;
  return {
    ...{ source, size: opened.size, seed, device: device.split(":")[0]!, trunk: opened.trunk() },
    view: { size, normalize, decodeSize, precision, ...(middle && { middle }) },
    data: { ...from, data: lastingSource(from.data) },
    ...(!dataset.source && { places: rangesOf(dataset.chosen!.places) }),
    ...(dataset.kind === "folder" && { rules: dataset.rules }),
    fingerprint: dataset.fingerprint,
    batchSize,
  };
}

/** Places that follow one another, as their borders. */
function rangesOf(places: Uint32Array): [number, number][] {
  const ranges: [number, number][] = [];
  for (const place of places) {
    const last = ranges.at(-1);
    if (last && last[1] === place) last[1] = place + 1;
    else ranges.push([place, place + 1]);
  }
  return ranges;
}

/** For the others: carries out orders, and keeps open what the next one may need again. */
export function openHelper(team: Team, isStopping: () => boolean) {
  const networks = keptLast<OpenedRepresentation>(({ free }) => free());
  const pictures = keptLast<Dataset>(() => {});
  return {
    obey: (order: Order): Promise<void> => ("protocol" in order ? runToo(order) : compute(order)),
    free: () => networks.drop(),
  };

  async function runToo({ protocol, source, data, options }: ProtocolOrder): Promise<void> {
    const sharing = { team, isStopping };
    const quiet = { warn: () => {}, sharing };
    try {
      await evaluate(source, protocol as ProtocolName, data, { ...options, ...quiet });
    } catch (error) {
      if (!(error instanceof Stopped)) throw error; // else all have stopped and saved, and process 0 says so
    }
  }

  async function compute(order: FeatureOrder): Promise<void> {
    try {
      const { representation, dataset } = await opened(order);
      const sharing = { team, isStopping, call: async () => true }; // process 0 has called
      for await (const _ of featureBatches(representation, dataset, { batchSize: order.batchSize, sharing }));
    } catch (error) {
      if (!isToldToAll(error)) throw error; // else process 0 knows it, and says what follows
    }
  }

  async function opened(order: FeatureOrder): Promise<Pick<SharedPass, "representation" | "dataset">> {
    try {
      const whole = await pictures.of(JSON.stringify(order.data), () => openDataset(order.data.data, order.data));
      const dataset = chosenBy(order, whole);
      if (dataset.fingerprint !== order.fingerprint) throw otherPictures(dataset);
      const { source, size, seed, view, trunk } = order;
      const how = { size, seed, precision: view.precision, device: chosenDevice(order.device, team.localRank) };
      const network = await networks.of(JSON.stringify([source, how, trunk]), async () =>
        openRepresentation(source, whole, { ...how, warn: () => {} }),
      );
      if (network.trunk() !== trunk) throw otherTrunk(source);
      return { dataset, representation: { ...network, ...view } };
    } catch (error) {
      refuseToShare(team, error);
    }
  }
}

function chosenBy({ places, rules }: FeatureOrder, whole: Dataset): Dataset {
  const flat = places?.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i));
  const dataset = flat ? subset(whole, flat) : whole;
  return dataset.kind === "folder" && rules ? { ...dataset, rules } : dataset;
}

/** What was made last, until something else is needed. */
function keptLast<T>(drop: (value: T) => void) {
  let kept: { key: string; value: T } | undefined;
  const dropKept = () => {
    if (kept) drop(kept.value);
    kept = undefined;
  };
  return {
    async of(key: string, make: () => Promise<T>): Promise<T> {
      if (kept?.key === key) return kept.value;
      dropKept();
      const value = await make();
      kept = { key, value };
      return value;
    },
    drop: dropKept,
  };
}
