// Resident and carried pictures give the views of pictures in memory, to the bit, by both executors; and batches are carried one ahead.
import { afterAll, describe, expect, it } from "vitest";
import { withoutColour } from "../../test/view-cases.ts";
import { type Batch, batches, type ImageArray, imageArray, namedBatches, type RawImage } from "../data/index.ts";
import { SelfsightError } from "../errors.ts";
import { keyedStream } from "../random.ts";
import { liveTensors, scope, type Tensor } from "../torch/index.ts";
import { uploadBlock } from "./crop.ts";
import {
  type Carrier,
  carriedFeed,
  carrierTo,
  carry,
  type Feed,
  feedTo,
  makeResident,
  plainFeed,
  residentFeed,
} from "./feed.ts";
import { fusedView, viewsOf as viewsOfPacked } from "./fused-views.ts";
import { type PackedPictures, type PlacedBatch, packedFiles } from "./packed.ts";
import { viewParameters } from "./parameters.ts";
import { barlowTwinsViews } from "./recipe.ts";
import { tensorView } from "./tensor-views.ts";
import { evaluationImages, makeViews } from "./views.ts";

afterAll(() => expect(liveTensors().live).toBe(0));

const next = keyedStream(4);
const bytes = (length: number) => Uint8Array.from({ length }, () => 256 * next());
const recipes = barlowTwinsViews({ size: 12, blur: true });

function array(channels: 1 | 3, [height, width]: [number, number], length = 29): ImageArray {
  const pixels = bytes(length * channels * height * width);
  const labels = Int32Array.from({ length }, (_, i) => i % 3);
  return imageArray({ name: "noise", pixels, channels, height, width, labels }) as ImageArray;
}

const numbersOf = (views: readonly Tensor[]): Float32Array[] => views.map((view) => view.float32());
const viewsOf = (batch: PlacedBatch): Float32Array[] => scope(() => numbersOf(makeViews(batch, recipes, { seed: 3 })));
const measured = (batch: PlacedBatch, size: number): Float32Array =>
  scope(() => evaluationImages(batch, { size, normalize: recipes[0].normalize }).float32());

/** What `use` makes of each batch of a feed. */
async function usesOf<T>(feed: Feed, use: (batch: PlacedBatch) => T): Promise<T[]> {
  const uses: T[] = [];
  for await (const batch of feed.batches) {
    uses.push(use(batch));
    await feed.lookAhead();
  }
  return uses;
}

const onCpu: Carrier = (batch) => carry(batch, "cpu");
const steps = { batchSize: 6, seed: 9, steps: 7 };

const shapes: [1 | 3, [number, number]][] = [
  [3, [16, 16]],
  [1, [16, 16]],
  [3, [20, 13]],
];

describe.each(shapes)("an array of %i channels of %j", (channels, sides) => {
  const dataset = array(channels, sides);

  /** What `use` makes of the same batches, taken three ways. */
  async function eachWay<T>(use: (batch: PlacedBatch) => T, options = {}): Promise<[T[], T[], T[]]> {
    const read = { ...steps, ...options };
    const resident = makeResident(dataset, "cpu");
    const ways = [
      plainFeed(batches(dataset, read)),
      residentFeed(namedBatches(dataset, read), resident),
      carriedFeed(batches(dataset, read), onCpu),
    ];
    const found = [];
    for (const feed of ways) found.push(await usesOf(feed, use));
    resident.bytes.free();
    return found as [T[], T[], T[]];
  }

  it("gives the same views resident and carried, epoch after epoch", async () => {
    const [host, resident, carried] = await eachWay(viewsOf);
    expect(host).toHaveLength(7);
    expect(resident).toEqual(host);
    expect(carried).toEqual(host);
  });

  it("gives them from any step on, of its rows alone, without what is quarantined", async () => {
    const share = { start: 2, end: 5, union: <T>(own: readonly T[]) => [...own] };
    const [host, resident, carried] = await eachWay(
      (batch) => ({ views: viewsOf(batch), indices: batch.indices, labels: batch.labels, step: batch.step }),
      { startStep: 5, share, quarantine: new Set([3, 17]) },
    );
    expect(host[0]).toMatchObject({ step: 5, indices: { length: 3 }, labels: { length: 3 } });
    expect(resident).toEqual(host);
    expect(carried).toEqual(host);
  });

  it.each([16, 8])("gives the same pictures to measure at %i pixels", async (size) => {
    const [host, resident, carried] = await eachWay((batch) => measured(batch, size));
    expect(resident).toEqual(host);
    expect(carried).toEqual(host);
  });

  it("gives the same views by tensor operations", async () => {
    const [host, resident, carried] = await eachWay(tensorViewOf);
    expect(resident).toEqual(host);
    expect(carried).toEqual(host);
  });
});

function tensorViewOf({ images, indices, epoch }: PlacedBatch): Float32Array {
  return scope(() => {
    if (Array.isArray(images)) throw new Error("an array is needed");
    const pictures = "places" in images ? { packed: images } : { block: uploadBlock(images, "cpu") };
    const size = "places" in images ? images.places[0]! : images;
    const keys = [...indices].map((sample) => ({ seed: 3, epoch, sample, view: 0 }));
    const drawn = keys.map((key) => viewParameters(recipes[0], size, key));
    const parameters = images.channels === 3 ? drawn : drawn.map(withoutColour);
    return tensorView({ pictures, recipe: recipes[0], device: "cpu" }, parameters).float32();
  });
}

const sizes: readonly [number, number][] = [
  [30, 20],
  [9, 40],
  [16, 16],
];
const files = (): RawImage[] => sizes.map(([height, width]) => ({ pixels: bytes(3 * height * width), height, width }));
const fileBatch = (step = 0): Batch => ({ epoch: 0, step, indices: Uint32Array.of(4, 0, 7), images: files() });

describe("pictures of sizes of their own", () => {
  const batch = fileBatch();
  const pictures = batch.images as RawImage[];
  const parameters = [...batch.indices].map((sample, i) =>
    viewParameters(recipes[1], pictures[i]!, { seed: 0, epoch: 0, sample, view: 1 }),
  );
  const making = { recipe: recipes[1], device: "cpu" };

  it("give the same views where they are carried, by both executors", () => {
    const carried = carry(batch, "cpu");
    const packed = carried.arrive().images as PackedPictures;
    scope(() => {
      const [tensors, fused] = [tensorView, fusedView].map((make) =>
        make({ ...making, pictures: { packed } }, parameters).float32(),
      );
      expect(tensors).toEqual(tensorView({ ...making, pictures: { files: pictures } }, parameters).float32());
      expect(fused).toEqual(viewsOfPacked(packedFiles(pictures, "cpu"), recipes[1], parameters).float32());
    });
    carried.free();
  });

  it("give the same pictures to measure", () => {
    const carried = carry(batch, "cpu");
    expect(measured(carried.arrive(), 12)).toEqual(measured(batch, 12));
    carried.free();
  });

  it("are freed where they never arrived", () => carry(batch, "cpu").free());
});

// ---- the order of things ----

async function* named(count: number, asked: (step: number) => void = () => {}): AsyncGenerator<Batch> {
  for (let step = 0; step < count; step++) {
    asked(step);
    yield fileBatch(step);
  }
}

/** A carrier that says what it does. */
const recorder =
  (said: string[]): Carrier =>
  (batch) => {
    said.push(`send ${batch.step}`);
    return {
      arrive: () => {
        said.push(`wait ${batch.step}`);
        return batch;
      },
      free: () => void said.push(`free ${batch.step}`),
    };
  };

describe("batches that are carried", () => {
  it("are sent one ahead, while the one before is in use, and freed when the next is asked for", async () => {
    const said: string[] = [];
    const feed = carriedFeed(named(3), recorder(said));
    for await (const { step } of feed.batches) {
      said.push(`use ${step}`);
      await feed.lookAhead();
      await feed.lookAhead(); // a second time it does nothing
      said.push(`read ${step}`);
    }
    expect(said.join(", ")).toBe(
      "send 0, wait 0, use 0, send 1, read 0, free 0, wait 1, use 1, send 2, read 1, free 1, wait 2, use 2, read 2, free 2",
    );
  });

  it("are freed where the reader goes", async () => {
    const said: string[] = [];
    const feed = carriedFeed(named(3), recorder(said));
    for await (const _ of feed.batches) {
      await feed.lookAhead();
      break;
    }
    expect(said).toEqual(["send 0", "wait 0", "send 1", "free 0", "free 1"]);
  });

  it("fail in their own turn", async () => {
    const said: string[] = [];
    const failing = named(3, (step) => {
      if (step === 1) throw new SelfsightError("data", "too many bad files");
    });
    const feed = carriedFeed(failing, recorder(said));
    const reading = (async () => {
      for await (const { step } of feed.batches) {
        await feed.lookAhead();
        said.push(`read ${step}`);
      }
    })();
    await expect(reading).rejects.toMatchObject({ kind: "data" });
    expect(said).toEqual(["send 0", "wait 0", "read 0", "free 0"]);
  });

  it("stay where they are where memory is short, and any other error is told", async () => {
    const failing = (kind: "memory" | "bug"): Carrier => {
      return () => {
        throw new SelfsightError(kind, "no");
      };
    };
    const stay = await usesOf(carriedFeed(named(2), failing("memory")), ({ images }) => Array.isArray(images));
    expect(stay).toEqual([true, true]);
    await expect(usesOf(carriedFeed(named(2), failing("bug")), () => {})).rejects.toMatchObject({ kind: "bug" });
  });

  it("are left alone on the CPU: nothing is read before its turn, and nothing copied", async () => {
    expect(carrierTo("cpu")).toBeUndefined();
    expect(carrierTo("cuda:1")).toBeTypeOf("function");
    const asked: number[] = [];
    const source = named(2, (step) => void asked.push(step));
    const feed = feedTo(source, "cpu");
    const before = liveTensors().live;
    for await (const { step } of feed.batches) {
      await feed.lookAhead();
      expect(asked).toEqual(Array.from({ length: step + 1 }, (_, i) => i));
      expect(liveTensors().live).toBe(before);
    }
    expect(feed.batches).toBe(source);
  });
});
