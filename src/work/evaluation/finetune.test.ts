import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blue, jpegOf, put, red } from "../../../test/drawn-pictures.ts";
import { smallRun } from "../../../test/small-run.ts";
import { liveTensors } from "../../torch/index.ts";
import { evaluate } from "../evaluate.ts";

let folder: string;
let run: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "finetune-"));
  for (const [part, count] of [
    ["train", 6],
    ["test", 4],
  ] as const)
    for (const [name, colour] of [
      ["red", red],
      ["blue", blue],
    ] as const)
      for (let i = 0; i < count; i++)
        put(folder, `data/${part}/${name}/${name}_${part}${i}.jpg`, await jpegOf(i, colour));
  run = smallRun(folder, { size: 16 }).folder;
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  expect(liveTensors().live).toBe(0);
});

const quick = { epochs: 2, batch: 4, precision: "fp32" } as const;
const tuned = (options: Parameters<typeof evaluate<"finetune">>[3]) =>
  evaluate(run, "finetune", join(folder, "data"), { ...quick, ...options });

test("trunk and head learn from a share of the labels, over seeds, beside the same network from first weights", async () => {
  const found = await tuned({ labels: "50%", seeds: 2 });
  expect(found.protocol).toBe("finetune-v1 50% of the labels, all layers, 2 epochs, batch 4, seeds 0 to 1");
  expect(found).toMatchObject({
    labels: 6,
    steps: 4,
    top5: null,
    count: 16,
    seeds: [{ seed: 0 }, { seed: 1 }],
    scratch: { std: expect.any(Number), seeds: [{ seed: 0 }, { seed: 1 }] },
    data: { bankImages: 12, queryImages: 8, badFiles: 0 },
  });
  expect(found.value).toBe((found.seeds[0]!.top1 + found.seeds[1]!.top1) / 2);
  expect(found.notes).toContain("4 steps in all: with so few labels a smaller --batch takes more of them");
});

test("a repeat with one seed gives the same answers, whatever ran before", async () => {
  const own = { labels: "2-per-class", beside: "none" } as const;
  const found = await tuned(own);
  await tuned({ ...own, seed: 4 });
  const again = await tuned(own);
  expect([again.outcomes, again.perClass]).toEqual([found.outcomes, found.perClass]);
  expect(found.scratch).toBeNull();
});

test("with a frozen trunk the head alone learns: the network's size is no matter, colours are told apart", async () => {
  const found = await tuned({ labels: "100%", freeze: true, beside: "none", epochs: 12, headRate: 0.5 });
  expect(found.protocol).toContain("100% of the labels, frozen trunk, 12 epochs, head rate 0.5, batch 4");
  expect(found.value).toBe(1);
});

test("an untrained network of the run's kind, and a picture that cannot be read, which is counted", async () => {
  const broken = join(folder, "broken");
  for (const part of ["train", "test"])
    for (const [name, colour] of [
      ["red", red],
      ["blue", blue],
    ] as const) {
      for (let i = 0; i < 3; i++) put(broken, `${part}/${name}/${i}.jpg`, await jpegOf(i, colour));
      put(broken, `${part}/${name}/bad.jpg`, (await jpegOf(9, colour)).subarray(0, 200));
    }
  const warnings: string[] = [];
  const found = await evaluate(`untrained:${run}`, "finetune", broken, {
    ...quick,
    ...{ labels: "100%", beside: "none", epochs: 1 },
    reading: () => ({ onBadFile: ({ name }) => warnings.push(name) }),
  });
  expect(found.data.badFiles).toBe(warnings.length);
  expect(warnings.sort()).toEqual(["blue/bad.jpg", "blue/bad.jpg", "red/bad.jpg", "red/bad.jpg"]);
});

describe("refused", () => {
  test.each([
    ["3-per-klass", "configuration", /labels .*3-per-klass; a share such as 1%.* check the path/],
    ["7-per-class", "data", /7 labels of each class are asked for; blue has 6 train images/],
    ["1%", "data", /1% of the labels are asked for; blue has 6 train images in data, which is less than one label/],
  ])("labels %s", async (labels, kind, message) => {
    await expect(tuned({ labels })).rejects.toMatchObject({ kind, message });
  });

  test("pixels, which have no network to tune", async () => {
    const asked = evaluate("pixels", "finetune", join(folder, "data"), { ...quick, labels: "50%" });
    await expect(asked).rejects.toMatchObject({ kind: "configuration", message: /pixels have none/ });
  });
});

test("a list's unknown names are counted and named, and what it names is learned", async () => {
  mkdirSync(join(folder, "lists"));
  const list = join(folder, "lists", "few.txt");
  writeFileSync(list, "# SimCLR's way\nred_train0.jpg\nblue_train1.jpg\n\nblue/blue_train2.jpg\nred_train9.jpg\n");
  const found = await tuned({ labels: list, beside: "none", epochs: 1 });
  expect(found.labels).toBe(3);
  expect(found.notes[0]).toMatch(/^1 of the 4 names in .*few\.txt are not among the train images \(red_train9\.jpg\)$/);
});
