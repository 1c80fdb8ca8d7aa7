// Sends bytes to a played device (memory.cc) and prints what came of it: copies.ts LIBRARY. Started by gpu-copies.test.ts.
import {
  type Feed,
  feedTo,
  makeResident,
  type PackedPictures,
  plainFeed,
  residentFeed,
} from "../../src/augment/index.ts";
import { batches, type ImageArray, namedBatches } from "../../src/data/index.ts";
import { addon } from "../../src/torch/addon.ts";
import { freeMemory, liveTensors, loadLibrary, scope, sendBytes, type Tensor } from "../../src/torch/index.ts";
import { freeResidence, openResidence } from "../../src/train/index.ts";
import { tinyData, tinySettings } from "../tiny-run.ts";

loadLibrary(process.argv[2]!);
const device = "played:0";
const question = addon().findOperator("played::ask", "", ["what", "number"])!;

function ask(what: string, number = 0): number {
  const handle = addon().call(question, what, number) as number;
  const answer = addon().item(handle);
  addon().free(Float64Array.of(handle));
  return answer;
}

const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => (first + i) % 251);
const onHost = (tensor: Tensor): number[] => scope(() => [...(tensor.toDevice("cpu").data() as Uint8Array)]);
const equal = (a: Iterable<number>, b: Iterable<number>) => [...a].join() === [...b].join();
const results: Record<string, unknown> = {};

function arrival(): void {
  const parts = Array.from({ length: 40 }, (_, i) => bytes(100 + i, i));
  const travelling = sendBytes(parts, device);
  results.waitsForTheHost = ask("tasks", 1); // the copy and its mark, not done yet
  const there = travelling.receive();
  results.arrives = equal(
    onHost(there),
    parts.flatMap((part) => [...part]),
  );
  results.receivesTwice = refusal(() => travelling.receive());
  there.free();
}

/** What the host has let go of is overwritten at once, and what is copied last is copied first if nobody sees to it. */
function threeAtOnce(): void {
  ask("most pinned");
  const sent = [0, 1, 2].map((first) => sendBytes([bytes(500, first)], device));
  results.mostPinned = ask("most pinned");
  const there = sent.map((travelling) => travelling.receive());
  results.eachArrives = there.map((tensor, first) => equal(onHost(tensor), bytes(500, first)));
  for (const tensor of there) tensor.free();
}

/** Memory that a step still reads is not the next copy's. */
function reuse(): void {
  const first = sendBytes([bytes(300, 7)], device).receive();
  const read = first.clone(); // given to the device, not done
  first.free();
  const second = sendBytes([bytes(300, 100)], device).receive();
  results.isReadBeforeReuse = equal(onHost(read), bytes(300, 7));
  results.isReused = equal(onHost(second), bytes(300, 100));
  for (const tensor of [read, second]) tensor.free();
}

function refusal(body: () => unknown): string {
  try {
    body();
    return "none";
  } catch (error) {
    return (error as Error).message;
  }
}

function shortage(): void {
  ask("refuse", 1);
  results.shortage = refusal(() => sendBytes([bytes(10, 0)], device));
  results.streamAfterShortage = ask("stream");
}

const dataset = tinyData() as ImageArray;
const options = { batchSize: 8, seed: 2, steps: 7 };
const size = 3 * 16 * 16;

async function pixelsOf(feed: Feed): Promise<number[][]> {
  const found: number[][] = [];
  for await (const { images } of feed.batches) {
    await feed.lookAhead();
    found.push("places" in images ? packedPixels(images) : [...(images as { pixels: Uint8Array }).pixels]);
  }
  return found;
}

function packedPixels({ bytes: stored, places }: PackedPictures): number[] {
  const all = onHost(stored);
  return places.flatMap(({ offset }) => all.slice(offset, offset + size));
}

async function feeds(): Promise<void> {
  const plain = await pixelsOf(plainFeed(batches(dataset, options)));
  results.batches = plain.length;
  results.carriesTheSame = equal((await pixelsOf(feedTo(batches(dataset, options), device))).flat(), plain.flat());
  const resident = makeResident(dataset, device);
  results.hasTheSame = equal(
    (await pixelsOf(residentFeed(namedBatches(dataset, options), resident))).flat(),
    plain.flat(),
  );
  resident.bytes.free();
  ask("refuse", 1);
  const [first] = await pixelsOf(feedTo(batches(dataset, { ...options, steps: 1 }), device));
  results.leavesTheBatch = equal(first!, plain[0]!);
}

function residences(): void {
  const state = { settings: tinySettings(), device };
  const bytesWith = (free: number) => {
    ask("free", free);
    const residence = openResidence(state, dataset);
    freeResidence(residence);
    return residence.bytes ?? 0;
  };
  results.residence = [bytesWith(1 << 20), bytesWith(4 * dataset.pixels.length - 1)];
  results.free = freeMemory(device);
  ask("free", 1 << 20);
  ask("refuse", 1);
  results.noRoom = openResidence(state, dataset).problem;
}

arrival();
threeAtOnce();
reuse();
shortage();
await feeds();
residences();
results.left = [liveTensors().live, ask("there")];
console.log(JSON.stringify(results));
