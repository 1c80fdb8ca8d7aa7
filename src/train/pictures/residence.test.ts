import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  bitsOf,
  newTinyRun,
  scratchFolder,
  stopAfter,
  tinyData,
  tinySettings,
  trainTiny,
} from "../../../test/tiny-run.ts";
import { carry } from "../../augment/feed.ts";
import type { Carrier } from "../../augment/index.ts";
import { addon } from "../../torch/addon.ts";
import { liveTensors, threads } from "../../torch/index.ts";
import { readLog } from "../run/log.ts";
import type { PartialSettings } from "../settings/settings.ts";
import { freeResidence, openResidence } from "./residence.ts";

const scratch = scratchFolder();
const { borrowTypedArray, freeMemory } = addon();
beforeAll(() => void threads(1));
afterEach(() => {
  Object.assign(addon(), { borrowTypedArray, freeMemory });
  expect(liveTensors().live).toBe(0);
});
afterAll(scratch.remove);

type Options = Parameters<typeof trainTiny>[2];

async function runWith(given: PartialSettings, options: Options = {}): Promise<string> {
  const settings = tinySettings({ checkpointEverySteps: 5, logEverySteps: 1 }, given);
  const folder = scratch.next();
  newTinyRun(folder, settings);
  await trainTiny(folder, settings, options);
  return folder;
}

const onCpu: Carrier = (batch) => carry(batch, "cpu");
const startOf = (folder: string) => readLog(folder).find(({ event }) => event === "start");
const warningsOf = (folder: string) =>
  readLog(folder).flatMap((event) => (event.event === "warning" ? [event.message] : []));
const lossesOf = (folder: string) => readLog(folder).flatMap((event) => (event.event === "step" ? [event.loss] : []));

describe("a run whose pictures are resident or carried", () => {
  it.each([{ microBatch: null }, { microBatch: 4 }])("ends in the bits of any other: %j", async (given) => {
    const plain = await runWith(given);
    const resident = await runWith({ ...given, residentPictures: "on" });
    const carried = await runWith(given, { carrier: onCpu, stepsAhead: 1 });
    expect([bitsOf(resident), lossesOf(resident)]).toEqual([bitsOf(plain), lossesOf(plain)]);
    expect([bitsOf(carried), lossesOf(carried)]).toEqual([bitsOf(plain), lossesOf(plain)]);
    expect(startOf(resident)).toMatchObject({ residentBytes: 42 * 3 * 16 * 16 });
    for (const folder of [plain, carried]) expect(startOf(folder)).not.toHaveProperty("residentBytes");
  });

  it("goes on after a cut, whatever the setting was", async () => {
    const settings = tinySettings();
    const folder = scratch.next();
    newTinyRun(folder, settings);
    await trainTiny(folder, settings, { isStopping: stopAfter(3) });
    await trainTiny(folder, { ...settings, residentPictures: "on" }, { resumes: true, isStopping: stopAfter(4) });
    await trainTiny(folder, settings, { resumes: true, carrier: onCpu });
    expect(bitsOf(folder)).toBe(bitsOf(await runWith({ checkpointEverySteps: 0 })));
  });

  it("sends a batch before it reads the numbers of the step before", async () => {
    const said: string[] = [];
    const carrier: Carrier = (batch) => {
      said.push(`send ${batch.step + 1}`);
      return onCpu(batch);
    };
    for (const stepsAhead of [0, 1])
      await runWith(
        { steps: 3, watchEverySteps: 0 },
        { carrier, stepsAhead, onEvent: ({ event, step }) => void (event === "step" && said.push(`read ${step}`)) },
      );
    expect(said.join(", ")).toBe(
      [
        "send 1, send 2, read 1, send 3, read 2, read 3",
        "send 1, send 2, send 3, read 1, read 2, read 3", // the last step reads all
      ].join(", "),
    );
  });
});

describe("what a device has no memory for", () => {
  const fails = () => {
    addon().borrowTypedArray = () => {
      throw new Error("CUDA out of memory. Tried to allocate 2.00 MiB.");
    };
  };

  it("is carried batch by batch, and that is said", async () => {
    const dataset = tinyData();
    fails();
    const { problem, resident } = openResidence(
      { settings: tinySettings({ residentPictures: "on" }), device: "cpu" },
      dataset,
    );
    expect(resident).toBeUndefined();
    expect(problem).toBe(
      "the pictures take 0.0 MiB, and cpu has no memory for them; they are copied there batch by batch",
    );
  });

  it("is not tried where a quarter of the free memory is less, but where it was asked for", () => {
    const dataset = tinyData(); // 32,256 bytes
    let asked = 0;
    const residenceOn = (free: number | null, residentPictures: "auto" | "on" | "off") => {
      asked = 0;
      addon().freeMemory = () => free;
      addon().borrowTypedArray = (...given) => {
        asked += 1;
        return borrowTypedArray(...given);
      };
      try {
        freeResidence(openResidence({ settings: tinySettings({ residentPictures }), device: "cuda" }, dataset));
      } catch {} // there is none here
      return asked;
    };
    expect([residenceOn(4 * 32_256, "auto"), residenceOn(4 * 32_256 - 4, "auto")]).toEqual([1, 0]);
    expect([residenceOn(null, "auto"), residenceOn(0, "on"), residenceOn(null, "off")]).toEqual([1, 1, 0]);
  });
});

it("nothing is resident on the CPU unless it is asked for, and files never are", async () => {
  const folder = { ...tinyData(), kind: "folder", name: "photos" } as unknown as ReturnType<typeof tinyData>;
  const residence = (residentPictures: "auto" | "on", dataset = tinyData()) =>
    openResidence({ settings: tinySettings({ residentPictures }), device: "cpu" }, dataset);
  expect(residence("auto")).toEqual({});
  expect(residence("auto", folder)).toEqual({});
  expect(residence("on", folder)).toEqual({
    problem:
      "residentPictures is on, but the pictures of photos are files of sizes of their own; they are read at every step",
  });
});

it("a run says in a warning why its pictures are not resident", async () => {
  const said = await runWith({ residentPictures: "on", steps: 2 });
  expect(warningsOf(said)).toEqual([]);
  let first = true;
  addon().borrowTypedArray = (...given) => {
    if (!first || given[0].length !== 42 * 3 * 16 * 16) return borrowTypedArray(...given);
    first = false;
    throw new Error("CUDA out of memory. Tried to allocate 2.00 MiB.");
  };
  const short = await runWith({ residentPictures: "on", steps: 2 });
  expect(warningsOf(short)).toEqual([expect.stringMatching(/^the pictures take .* batch by batch$/)]);
  expect(bitsOf(short)).toBe(bitsOf(said));
});
