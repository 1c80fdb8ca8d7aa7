import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blue, jpegOf, put, red } from "../../../test/drawn-pictures.ts";
import { openMultiLabel } from "../../data/annotations/index.ts";
import { liveTensors } from "../../torch/index.ts";
import { evaluate } from "../evaluate.ts";

let folder: string;
afterAll(() => {
  rmSync(folder, { recursive: true });
  expect(liveTensors().live).toBe(0);
});

const object = (name: string, difficult = 0) =>
  `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object>`;

/** 16 pictures: red shows a cat, blue a dog; the first of each split a difficult one besides; the last shows nothing. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "transfer-"));
  const lists: Record<string, string[]> = { trainval: [], test: [] };
  const rows = ["file_name,cat,dog,split"];
  for (let i = 0; i < 16; i++) {
    const [part, isCat] = [i < 10 ? "trainval" : "test", i % 2 === 0];
    const name = `p${String(i).padStart(2, "0")}`;
    put(folder, `voc/JPEGImages/${name}.jpg`, await jpegOf(i, isCat ? red : blue));
    put(folder, `csv/${name}.jpg`, await jpegOf(i, isCat ? red : blue));
    const extra = i === 0 || i === 10 ? object("dog", 1) : "";
    const objects = i === 15 ? "" : `${object(isCat ? "cat" : "dog")}${extra}`;
    const size = "<size><width>48</width><height>48</height><depth>3</depth></size>";
    put(
      folder,
      `voc/Annotations/${name}.xml`,
      Buffer.from(`<annotation><filename>${name}.jpg</filename>${size}${objects}</annotation>`),
    );
    lists[part]!.push(name);
    rows.push(`${name}.jpg,${Number(isCat)},${i === 0 ? -1 : Number(!isCat)},${i < 10 ? "train" : "test"}`);
  }
  for (const [part, names] of Object.entries(lists))
    put(folder, `voc/ImageSets/Main/${part}.txt`, Buffer.from(`${names.join("\n")}\n`));
  writeFileSync(join(folder, "csv", "labels.csv"), `${rows.join("\n")}\n`);
});

const columnsOf = ({ names, labels }: Awaited<ReturnType<typeof openMultiLabel>>) =>
  Object.fromEntries(names.map((name, c) => [name, [...labels].filter((_, i) => i % names.length === c)]));

describe("pictures of several classes", () => {
  test("from VOC: trainval against test, 1 shown, 0 not, -1 difficult alone; one without objects is kept and said", async () => {
    const [train, asked] = [
      await openMultiLabel(join(folder, "voc"), { split: "train" }),
      await openMultiLabel(join(folder, "voc"), { split: "test" }),
    ];
    expect(train.pictures.length).toBe(10);
    const own = columnsOf(train);
    expect([own.cat, own.dog]).toEqual([
      [1, 0, 1, 0, 1, 0, 1, 0, 1, 0],
      [-1, 1, 0, 1, 0, 1, 0, 1, 0, 1],
    ]);
    expect(columnsOf(asked)).toMatchObject({ cat: [1, 0, 1, 0, 1, 0], dog: [-1, 1, 0, 1, 0, 0] });
    expect(asked.notes).toEqual([expect.stringMatching(/^pictures without objects: 1, kept \(p15\)/)]);
  });

  test("from CSV, with a column a class and one of parts", async () => {
    const train = await openMultiLabel(join(folder, "csv", "labels.csv"), { split: "train" });
    expect([train.names, train.pictures.length]).toEqual([["cat", "dog"], 10]);
    expect(columnsOf(train).dog).toEqual([-1, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    const few = await openMultiLabel(join(folder, "csv", "labels.csv"), { split: "train", limit: 5 });
    expect(columnsOf(few).cat).toEqual([1, 1, 1, 1, 1]);
  });

  test("from CSV with a value that is no label: refused with its line", async () => {
    const wrong = join(folder, "csv", "wrong.csv");
    writeFileSync(wrong, "file_name,cat\np00.jpg,yes\n");
    await expect(openMultiLabel(wrong, { split: "train" })).rejects.toMatchObject({
      kind: "data",
      message: expect.stringMatching(/wrong.csv: line 2 has yes for cat; 1, 0, -1 or nothing is needed/),
    });
    writeFileSync(wrong, "file_name,label\np00.jpg,cat\n");
    await expect(openMultiLabel(wrong, { split: "train" })).rejects.toMatchObject({
      message: expect.stringMatching(/no column of a class/),
    });
  });

  test("of a known name: refused, for its pictures are of one class each", async () => {
    await expect(openMultiLabel("shapes", { split: "train" })).rejects.toMatchObject({
      kind: "data",
      message: expect.stringMatching(/opening shapes: its pictures are of one class each/),
    });
  });
});

test.each(["voc", "csv/labels.csv"])("machines on %s tell colours apart", async (data) => {
  const found = await evaluate("pixels", "transfer", join(folder, data), { svm: true, size: 8 });
  expect(found.protocol).toBe("voc07-svm-v1");
  expect(found.value).toBe(1);
  expect(found.data).toMatchObject({ bankImages: 10, queryImages: 6, badFiles: 0 });
});

test.each([
  [{ svm: true, epochs: 3 }, /epochs 3 with svm, which has no epochs/],
  [{ svm: true, split: "all" as const }, /split all with svm/],
  [{ batch: 8 }, /batch 8 with cached features/],
])("%j is refused: it would do nothing", async (options, message) => {
  const asked = evaluate("pixels", "transfer", join(folder, "voc"), { size: 8, ...options });
  await expect(asked).rejects.toMatchObject({ kind: "configuration", message: expect.stringMatching(message) });
});

test.each([
  ["places205", "transfer-places205-v1 2 epochs, batch 4"],
  ["inat18", "transfer-inat18-v1 2 epochs, batch 4"],
] as const)(
  "the schedule of %s on classes in folders: last and best epoch are both named",
  async (schedule, protocol) => {
    for (const part of ["train", "val"])
      for (const [name, colour] of [
        ["red", red],
        ["blue", blue],
      ] as const)
        for (let i = 0; i < 3; i++) put(folder, `classes/${part}/${name}/${i}.jpg`, await jpegOf(i, colour));
    const how = { schedule, epochs: 2, batch: 4, size: 8 };
    const found = await evaluate("pixels", "transfer", join(folder, "classes"), how);
    expect(found).toMatchObject({ protocol, last: { epoch: 2 }, best: { epoch: expect.any(Number) }, top5: null });
    expect(found.value).toBe("last" in found ? found.last.top1 : -1);
    expect(found.notes[0]).toMatch(/is chosen by test labels/);
    expect(await evaluate("pixels", "transfer", join(folder, "classes"), how)).toMatchObject({
      last: "last" in found && found.last,
      best: "best" in found && found.best,
    });
  },
);
