import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { afterAll, beforeAll, expect, test } from "vitest";
import { smallRun } from "../../../test/small-run.ts";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { type LogEvent, logPath } from "../../train/index.ts";
import { crc32c } from "./tensorboard.ts";
import { liveTensorboard, writeCurves } from "./write-curves.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);
let run: string;

const step = (number: number, more: object = {}) => ({
  ...{
    event: "step",
    step: number,
    epoch: 0,
    loss: 1 / number,
    floor: 0,
    learningRate: 0.5,
    imagesPerSecond: 64,
    dataWaitShare: 0,
  },
  ...more,
});
const events = [
  { event: "start", time: "2026-01-01T00:00:00.000Z", step: 0 },
  step(1),
  step(3, { featureStd: 0.25, stepShares: { forward: 0.5 } }),
  { event: "evaluation", step: 3, epoch: 0, protocol: 'online "knn", k=1', value: 0.75 },
  { event: "warning", step: 3, message: "x" },
] as unknown as LogEvent[];

beforeAll(() => {
  const parent = scratch.next();
  mkdirSync(parent, { recursive: true });
  run = smallRun(parent).folder; // of batches of 32
  writeFileSync(logPath(run), events.map((event) => `${JSON.stringify(event)}\n`).join(""));
});

interface Event {
  seconds: number;
  step: number;
  values: Record<string, number>;
}

/** Reads the records back, checking lengths and checksums as TensorBoard does. */
function eventsIn(bytes: Buffer): Event[] {
  const found: Event[] = [];
  const unmasked = (value: number) => {
    const rotated = (value - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(unmasked(bytes.readUInt32LE(at + 8))).toBe(crc32c(bytes.subarray(at, at + 8)));
    const message = bytes.subarray(at + 12, at + 12 + length);
    expect(unmasked(bytes.readUInt32LE(at + 12 + length))).toBe(crc32c(message));
    found.push(eventOf(message));
    at += 16 + length;
  }
  return found;
}

function eventOf(message: Uint8Array): Event {
  const event: Event = { seconds: 0, step: 0, values: {} };
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) event.seconds = reader.double();
    else if (field === 2) event.step = Number(reader.int64());
    else if (field === 3) expect(reader.string()).toBe("brain.Event:2");
    else if (field === 5) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) {
        expect(reader.tag()).toEqual([1, WireType.LengthDelimited]);
        reader.uint32();
        reader.tag();
        const name = reader.string();
        reader.tag();
        event.values[name] = reader.float();
      }
    } else reader.skip(wire);
  }
  return event;
}

test("CRC-32C by its known answer", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283); // the check value of its definition
});

test("CSV: a row a step, a column a number, names quoted", () => {
  const csv = join(scratch.next(), "log.csv");
  expect(writeCurves(run, { csv })).toEqual({ points: 3, files: [csv] });
  const [head, ...rows] = readFileSync(csv, "utf8").split("\r\n");
  expect(head).toBe(
    'step,train/epoch,train/loss,train/floor,train/learningRate,train/imagesPerSecond,train/dataWaitShare,train/featureStd,share/forward,"evaluation/online ""knn"", k=1"',
  );
  expect(rows).toEqual(["1,0,1,0,0.5,64,0,,,", "3,0,0.3333333333333333,0,0.5,64,0,0.25,0.5,", "3,,,,,,,,,0.75", ""]);
});

test("TensorBoard: sound records, with times that follow from the speed", () => {
  const folder = scratch.next();
  const { files } = writeCurves(run, { tensorboard: folder });
  const [header, ...points] = eventsIn(readFileSync(files[0]!));
  const start = Date.parse("2026-01-01T00:00:00.000Z") / 1000;
  expect(header!.values).toEqual({});
  expect(points.map(({ step, seconds }) => [step, seconds - start])).toEqual([
    [1, 0.5],
    [3, 1.5],
    [3, 1.5],
  ]);
  expect(points[1]!.values["train/loss"]).toBeCloseTo(1 / 3, 6);
  expect(points[2]!.values).toEqual({ 'evaluation/online "knn", k=1': 0.75 });
});

test("while a run trains: events at once, and a full disk is said once and ends nothing", () => {
  const folder = scratch.next();
  const live = liveTensorboard(folder, 32, () => expect.unreachable());
  for (const event of events) live.write(event);
  const [name] = readdirSync(folder);
  expect(eventsIn(readFileSync(join(folder, name!))).map((event) => event.step)).toEqual([0, 1, 3, 3]);
  live.close();
  const said: string[] = [];
  const broken = liveTensorboard(join(run, "run.json", "below"), 32, (message) => said.push(message));
  for (const event of events) broken.write(event);
  broken.close();
  expect(said).toEqual([expect.stringContaining("the run goes on without TensorBoard's events")]);
  expect(existsSync(join(run, "run.json", "below"))).toBe(false);
});
