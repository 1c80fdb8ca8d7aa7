import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { cocoFile, drawCoco, drawPicture } from "../../../test/drawn-annotations.ts";
import { SelfsightError } from "../../errors.ts";
import { compressedCounts } from "../masks/compressed.ts";
import { maskArea } from "../masks/run-lengths.ts";
import { cocoResults, objectsOf, openDetectionSet, rasterised, readCocoResults } from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "selfsight-coco-set-"));
afterAll(() => rmSync(root, { recursive: true }));

let folders = 0;
const newFolder = (): string => {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  return folder;
};
const opened = async (parts: Record<string, unknown>, split = "all") =>
  openDetectionSet(await drawCoco(newFolder(), cocoFile(parts)), { split });
const annotation = (parts: Record<string, unknown>) => ({
  id: 1,
  image_id: 1,
  category_id: 3,
  bbox: [1, 1, 8, 4],
  ...parts,
});

describe("a COCO file", () => {
  it("becomes boxes, classes and areas of each picture", async () => {
    const set = await opened({});
    expect(set.images.map(({ id, width, height }) => [id, width, height])).toEqual([
      [1, 20, 10],
      [2, 20, 10],
    ]);
    const { boxes, classes, areas, isCrowd, ids, count } = objectsOf(set, 1);
    expect([count, [...boxes], [...classes], [...areas], [...isCrowd], [...ids]]).toEqual([
      1,
      [2, 2, 10, 6],
      [1],
      [32],
      [0],
      [2],
    ]);
    expect(set.issues).toEqual([]);
  });

  it("has its pictures and objects by id, whatever their order in the file", async () => {
    const { images, annotations, categories } = cocoFile();
    const reversed = { annotations: annotations.reverse(), categories: categories.reverse(), images: images.reverse() };
    const [one, other] = [await opened({}), await opened(reversed)];
    expect(other.fingerprint).toBe(one.fingerprint);
    expect((await opened({ annotations: annotations.slice(1) })).fingerprint).not.toBe(one.fingerprint);
  });

  it("has masks as polygons and as run lengths, also compressed; box and area follow from them", async () => {
    const square = [2, 2, 6, 2, 6, 6, 2, 6];
    const runs = { size: [10, 20], counts: [22, 4, 6, 4, 164] };
    const set = await opened({
      annotations: [
        annotation({ id: 1, segmentation: [square], bbox: undefined }),
        annotation({ id: 2, segmentation: runs, bbox: undefined, iscrowd: 1 }),
        annotation({
          id: 3,
          segmentation: { size: [10, 20], counts: compressedCounts(Uint32Array.of(22, 4, 6, 4, 164)) },
          bbox: undefined,
        }),
        annotation({ id: 4 }),
      ],
    });
    const { areas, boxes, mask, isCrowd } = objectsOf(set, 0);
    expect([...areas]).toEqual([16, 8, 8, 32]);
    expect([...boxes.subarray(4, 8)]).toEqual([2, 2, 4, 6]);
    expect([...isCrowd]).toEqual([0, 1, 0, 0]);
    expect(mask(3)).toBeUndefined();
    expect(maskArea(rasterised(mask(0)!, { height: 10, width: 20 }))).toBe(16);
    expect(rasterised(mask(1)!, { height: 10, width: 20 })).toEqual({
      height: 10,
      width: 20,
      counts: Uint32Array.from(runs.counts),
    });
  });

  it("reads sizes that the file does not say from the pictures", async () => {
    const images = [
      { id: 1, file_name: "a.png" },
      { id: 2, file_name: "b.png", width: 0, height: 0 },
    ];
    const set = await opened({ images });
    expect(set.images.map(({ width, height }) => [width, height])).toEqual([
      [20, 10],
      [20, 10],
    ]);
  });

  it("begins with a byte order mark, and stands in any spacing", async () => {
    const folder = await drawCoco(
      newFolder(),
      `\ufeff\n\t${JSON.stringify(cocoFile({ info: { a: [1, "]}"] } }), null, 3)}\n `,
    );
    expect((await openDetectionSet(folder, { split: "all" })).images.length).toBe(2);
  });
});

const kindsOf = async (parts: Record<string, unknown>) => {
  const { issues, objects, images } = await opened(parts);
  const others = issues.filter(({ kind }) => kind !== "class-absent"); // it follows from what is left out
  const named = others.map(({ kind, count, first }) => [kind, count, first[0]]);
  return { issues: named, objects: objects.classes.length, images: images.length };
};
const [first, second] = cocoFile().annotations;

describe("faults are counted, named, and left out or kept", () => {
  it.each([
    ["box-not-finite", { bbox: [1, null, 8, 4] }, 1],
    ["box-not-finite", { bbox: ["1", 1, 8, 4] }, 1],
    ["box-not-finite", { bbox: [1, 1, 8] }, 1],
    ["box-not-finite", { bbox: "all" }, 1],
    ["box-inverted", { bbox: [8, 1, -4, 4] }, 1],
    ["box-empty", { bbox: [1, 1, 0, 4] }, 1],
    ["box-outside", { bbox: [20, 1, 4, 4] }, 1],
    ["box-outside", { bbox: [-9, -9, 4, 4] }, 1],
    ["box-over-edge", { bbox: [15, 1, 8, 4] }, 2],
    ["no-box", { bbox: undefined }, 1],
    ["unknown-category", { category_id: 4 }, 1],
    ["unknown-category", { category_id: undefined }, 1],
    ["unknown-image", { image_id: 7 }, 1],
    ["unknown-image", { image_id: "1" }, 1],
    ["polygon-too-short", { segmentation: [[1, 1, 5, 5]] }, 2],
    ["polygon-not-finite", { segmentation: [[1, 1, 5, null, 5, 5]] }, 2],
    ["polygon-not-finite", { segmentation: [[1, 1, 5, 5, 5, 5, 5]] }, 2],
    ["polygon-not-finite", { segmentation: [7] }, 2],
    ["polygon-outside", { segmentation: [[1, 1, 5e8, 5, 5, 5]] }, 2],
    ["mask-length", { segmentation: { size: [10, 20], counts: [22, 4] } }, 2],
    ["mask-length", { segmentation: { size: [10, 20], counts: [4294967295, 4294967295] } }, 2],
    ["mask-size", { segmentation: { size: [20, 10], counts: [200] } }, 2],
    ["mask-size", { segmentation: { size: [1e9, 1e9], counts: [200] } }, 2],
    ["mask-size", { segmentation: { counts: [200] } }, 2],
    ["mask-unreadable", { segmentation: { size: [10, 20], counts: [-1, 201] } }, 2],
    ["mask-unreadable", { segmentation: { size: [10, 20], counts: [0.5] } }, 2],
    ["mask-unreadable", { segmentation: { size: [10, 20], counts: "!!" } }, 2],
    ["mask-unreadable", { segmentation: { size: [10, 20] } }, 2],
    ["mask-unreadable", { segmentation: "mask" }, 2],
  ] as const)("%s: %j", async (kind, parts, objects) => {
    const found = await kindsOf({ annotations: [{ ...first, ...parts }, second] });
    const own = found.issues.filter(([name]) => name !== "image-without-objects");
    expect(own).toEqual([[kind, 1, expect.stringContaining("instances.json annotation 1")]]);
    expect(found.objects).toBe(objects);
  });

  it("annotation ids that come twice are both kept", async () => {
    const found = await kindsOf({ annotations: [first, { ...second, id: 1 }] });
    expect(found).toEqual({
      issues: [["duplicate-annotation", 1, "instances.json annotation 1"]],
      objects: 2,
      images: 2,
    });
  });

  it("classes without an object are named", async () => {
    const { issues } = await opened({ annotations: [first, { ...first, id: 2, image_id: 2 }] });
    expect(issues.map(({ kind, count, first: named }) => [kind, count, named])).toEqual([["class-absent", 1, ["dog"]]]);
  });

  it("pictures without objects are kept", async () => {
    const found = await kindsOf({ annotations: [first] });
    expect(found).toEqual({ issues: [["image-without-objects", 1, "picture 2"]], objects: 1, images: 2 });
  });

  it("pictures that are not there are left out with their objects", async () => {
    const images = [...cocoFile().images, { id: 9, file_name: "c.png", width: 20, height: 10 }];
    const annotations = [first, { ...second, image_id: 9 }, { ...second, id: 7 }];
    const found = await kindsOf({ images, annotations });
    expect(found).toEqual({ issues: [["image-missing", 1, "c.png (picture 9)"]], objects: 2, images: 2 });
  });

  it.each(["../a.png", "/etc/hostname", "images/../../a.png", "a\u0000.png"])(
    "a picture named %j is not looked for outside",
    async (name) => {
      const images = [cocoFile().images[0], { id: 2, file_name: name, width: 20, height: 10 }];
      const { issues, images: left } = await kindsOf({ images });
      expect([issues.map(([kind]) => kind), left]).toEqual([["image-missing"], 1]);
    },
  );

  it("pictures of another size are left out", async () => {
    const images = [cocoFile().images[0], { id: 2, file_name: "b.png", width: 10, height: 20 }];
    const { issues } = await kindsOf({ images });
    expect(issues).toEqual([["image-size", 1, expect.stringContaining("b.png (picture 2): 20x10, not 10x20")]]);
  });

  it("a picture listed twice alike is taken once, one under two names refused", async () => {
    const { images } = cocoFile();
    const found = await kindsOf({ images: [...images, images[0]] });
    expect(found).toEqual({ issues: [["duplicate-image", 1, "instances.json picture 1"]], objects: 2, images: 2 });
    const clashing = opened({ images: [...images, { ...images[0], file_name: "b.png" }] });
    await expect(clashing).rejects.toThrow(/picture id 1 stands for a.png and for b.png/);
  });
});

const refusalOf = async (content: unknown, split = "all") => {
  const folder = await drawCoco(newFolder(), content);
  const error = await openDetectionSet(folder, { split }).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(SelfsightError);
  expect((error as SelfsightError).kind).toBe("data");
  return (error as Error).message;
};

describe("what is no COCO file is refused", () => {
  const text = JSON.stringify(cocoFile());
  it.each([
    ["", /ends too early/],
    ["[]", /no array "images"/],
    ["7", /neither a JSON object nor an array/],
    ["{}", /no array "images"/],
    [`${"[".repeat(100_000)}${"]".repeat(100_000)}`, /no array "images"/],
    [`{"images":[${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}],"categories":[],"annotations":[]}`, /images\[0\]/],
    [text.slice(0, -1), /ends too early/],
    [text.slice(0, 60), /ends within a value/],
    [`${text}x`, /something stands behind its end/],
    [text.replace('"width":20', '"width":20,,'), /JSON/],
    [text.replace("},{", "} {"), /a comma is missing/],
    [cocoFile({ images: {} }), /no array "images"/],
    [cocoFile({ annotations: [7] }), /annotations\[0\]: 7 is no object/],
    [cocoFile({ annotations: [[]] }), /annotations\[0\]/],
    [cocoFile({ images: [{ file_name: "a.png", width: 20, height: 10 }] }), /images\[0\]: it has no id/],
    [cocoFile({ images: [{ id: 1, width: 20, height: 10 }] }), /no file_name/],
    [cocoFile({ images: [{ id: 1, file_name: "a.png", width: 1e9, height: 1e9 }] }), /its size is 1000000000/],
    [cocoFile({ images: [{ id: 1, file_name: "a.png", width: -4, height: 2 }] }), /its size is -4/],
    [
      cocoFile({ images: [{ id: 1, file_name: "nowhere.png", width: 20, height: 10 }] }),
      /nowhere.png is in none of them/,
    ],
    [cocoFile({ images: [] }), /none are listed/],
    [cocoFile({ categories: [{ id: "x", name: "cat" }] }), /categories\[0\]: it has no id/],
    [cocoFile({ categories: [{ id: 3 }] }), /no name/],
    [
      cocoFile({
        categories: [
          { id: 3, name: "cat" },
          { id: 3, name: "dog" },
        ],
      }),
      /category id 3 stands for cat and for dog/,
    ],
  ])("%j", async (content, expected) => expect(await refusalOf(content)).toMatch(expected));

  it("and so is a folder or a path that is none", async () => {
    await expect(openDetectionSet(newFolder())).rejects.toThrow(/no annotations; Annotations/);
    await expect(openDetectionSet(join(root, "missing"))).rejects.toThrow(/does not exist/);
    await expect(openDetectionSet("")).rejects.toThrow(/no path was given/);
  });
});

describe("parts", () => {
  const drawn = async (names: readonly string[]) => {
    const folder = newFolder();
    for (const name of names) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), JSON.stringify(cocoFile()));
    }
    return folder;
  };
  const splitOf = async (folder: string, split: string) =>
    (await openDetectionSet(folder, { split, withPictures: false })).split;

  it("are known by the files' names", async () => {
    const folder = await drawn([
      "annotations/instances_train2017.json",
      "annotations/instances_val2017.json",
      "annotations/captions_val2017.json",
    ]);
    expect(await splitOf(folder, "train")).toBe("train2017");
    expect(await splitOf(folder, "val2017")).toBe("val2017");
    expect(await splitOf(folder, "test")).toBe("val2017");
    await expect(splitOf(folder, "val2016")).rejects.toThrow(/Did you mean val2017\?/);
    await expect(splitOf(folder, "all")).rejects.toThrow(
      /instances_train2017.json \(train2017\), instances_val2017.json/,
    );
  });

  it("or by the folders that they lie in, whatever their own names", async () => {
    const folder = await drawn([
      "train/_annotations.coco.json",
      "valid/_annotations.coco.json",
      "test/_annotations.coco.json",
    ]);
    expect([await splitOf(folder, "train"), await splitOf(folder, "val"), await splitOf(folder, "test")]).toEqual([
      "train",
      "valid",
      "test",
    ]);
  });

  it("are keyed where there is one file without a part: disjoint, together all, the same in any order", async () => {
    const images = Array.from({ length: 40 }, (_, place) => ({
      id: place + 1,
      file_name: `${place}.png`,
      width: 20,
      height: 10,
    }));
    const annotations = images.map(({ id }) => ({ ...first, id, image_id: id, category_id: id % 4 === 0 ? 5 : 3 }));
    const write = (content: unknown) => {
      const folder = newFolder();
      writeFileSync(join(folder, "mine.json"), JSON.stringify(content));
      return folder;
    };
    const idsOf = async (folder: string, split: string) => {
      const { images: own } = await openDetectionSet(folder, { split, withPictures: false });
      return own.map(({ id }) => Number(id));
    };
    const folder = write(cocoFile({ images, annotations }));
    const [train, val, test] = [await idsOf(folder, "train"), await idsOf(folder, "val"), await idsOf(folder, "test")];
    expect(test).toEqual(val);
    expect([...train, ...val].sort((a, b) => a - b)).toEqual(images.map(({ id }) => id));
    expect(val.filter((id) => id % 4 === 0).length).toBe(2); // a fifth of ten
    expect(val.length).toBe(8);
    const reversed = write(cocoFile({ images: [...images].reverse(), annotations: [...annotations].reverse() }));
    expect(await idsOf(reversed, "val")).toEqual(val);
  });

  it("pictures lie beside the file, in images/, or in the part's folder", async () => {
    for (const place of [
      "a.png",
      "images/a.png",
      "train2017/a.png",
      "annotations/a.png",
      "train/a.png",
      "images/train2017/a.png",
    ]) {
      const folder = await drawn(["annotations/instances_train2017.json"]);
      await drawPicture(join(folder, place));
      const { images } = await openDetectionSet(folder, { split: "train2017" });
      expect(images.map(({ file }) => file)).toEqual([join(folder, place)]);
    }
  });
});

describe("results", () => {
  const result = { image_id: 1, category_id: 3, bbox: [1, 1, 8, 4], score: 0.5 };
  const read = async (results: unknown) => {
    const set = await opened({});
    const path = join(newFolder(), "results.json");
    writeFileSync(path, typeof results === "string" ? results : JSON.stringify(results));
    return readCocoResults(path, set);
  };

  it("are found by picture", async () => {
    const { detections, issues, haveMasks } = await read([{ ...result, image_id: 2 }, result, { ...result, score: 1 }]);
    expect(detections.map(({ scores }) => [...scores])).toEqual([[0.5, 1], [0.5]]);
    expect([...detections[1]!.boxes]).toEqual([1, 1, 9, 5]);
    expect([issues, haveMasks]).toEqual([[], false]);
    expect((await read([])).detections.length).toBe(2);
  });

  it("have masks of which the boxes follow", async () => {
    const segmentation = { size: [10, 20], counts: [22, 4, 6, 4, 164] };
    const { detections, haveMasks } = await read([{ ...result, bbox: undefined, segmentation }]);
    expect(haveMasks).toBe(true);
    expect([...detections[0]!.boxes]).toEqual([2, 2, 4, 6]);
  });

  it("are what detections become when they are written", async () => {
    const segmentation = { size: [10, 20], counts: compressedCounts(Uint32Array.of(22, 4, 6, 4, 164)) };
    const results = [
      { image_id: 1, category_id: 5, bbox: [2, 2, 2, 4], score: 0.75, segmentation },
      { image_id: 2, category_id: 3, bbox: [1, 1, 8, 4], score: 0.5, segmentation },
    ];
    const { detections } = await read(results);
    expect(cocoResults(await opened({}), detections)).toEqual(results);
  });

  it.each([
    ["unknown-image", { image_id: 9 }],
    ["unknown-category", { category_id: 9 }],
    ["score-not-finite", { score: null }],
    ["score-not-finite", { score: "0.5" }],
    ["box-not-finite", { bbox: [1, 1, null, 4] }],
    ["box-inverted", { bbox: [1, 1, -1, 4] }],
    ["no-box", { bbox: undefined }],
    ["mask-size", { segmentation: { size: [9, 9], counts: [81] } }],
  ])("%s %j is counted", async (kind, parts) => {
    const { issues } = await read([result, { ...result, ...parts }]);
    expect(issues.map((issue) => [issue.kind, issue.count, issue.first[0]])).toEqual([
      [kind, 1, expect.stringContaining("results.json [1]")],
    ]);
  });

  it.each([
    [{ images: [] }, /it is an object/],
    [[7], /element 0 is no object/],
    ["[{", /ends within a value/],
    [[{ ...result, image_id: 9 }], /none of its 1 results can be used: entries of an unknown picture/],
  ])("%j is refused", async (results, expected) => expect(read(results)).rejects.toThrow(expected));
});

describe("whatever stands in the file", () => {
  const quietly = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof SelfsightError)) throw error;
    }
  };
  const folder = newFolder();
  const openText = (text: string | Uint8Array) => {
    writeFileSync(join(folder, "instances.json"), text);
    return quietly(async () => {
      const set = await openDetectionSet(folder, { split: "all", withPictures: false });
      for (const image of set.images.keys()) {
        const { count, mask } = objectsOf(set, image);
        for (let object = 0; object < count; object++) {
          const stored = mask(object);
          if (stored && set.images[image]!.width > 0) rasterised(stored, set.images[image]!);
        }
      }
      readCocoResults(join(folder, "instances.json"), set);
    });
  };

  it("nothing but a sentence is thrown: values of any kind in any place", async () => {
    const value = fc.oneof(
      { weight: 3, arbitrary: fc.jsonValue() },
      fc.integer(),
      fc.double(),
      fc.constantFrom(1, 3, "a.png", [[1, 1, 9, 1, 9, 9]]),
    );
    const element = fc.dictionary(
      fc.constantFrom(
        "id",
        "image_id",
        "category_id",
        "bbox",
        "segmentation",
        "area",
        "file_name",
        "name",
        "width",
        "height",
      ),
      value,
    );
    const array = fc.oneof(fc.array(fc.oneof(element, value), { maxLength: 4 }), value);
    const file = fc.record({ images: array, annotations: array, categories: array }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(file, (content) => openText(JSON.stringify(content))),
      { numRuns: 200, seed: 3 },
    );
  });

  it("one value of a sound file replaced by another", async () => {
    const sound = JSON.stringify(
      cocoFile({
        annotations: [
          { ...first, segmentation: [[1, 1, 9, 1, 9, 9]] },
          { ...second, segmentation: { size: [10, 20], counts: compressedCounts(Uint32Array.of(22, 4, 6, 4, 164)) } },
        ],
      }),
    );
    const places = [...sound.matchAll(/[:[,]/g)].map(({ index }) => index + 1);
    const edits = fc.tuple(
      fc.constantFrom(...places),
      fc.oneof(fc.jsonValue(), fc.constantFrom(1e300, -1, 4294967296, "", [], {})),
    );
    await fc.assert(
      fc.asyncProperty(edits, ([place, value]) =>
        openText(`${sound.slice(0, place)}${JSON.stringify(value)}${sound.slice(place).replace(/^[^,\]}]*/, "")}`),
      ),
      { numRuns: 200, seed: 4 },
    );
  });

  it("bytes changed, cut and put in", async () => {
    const sound = Buffer.from(JSON.stringify(cocoFile()));
    const edits = fc.tuple(fc.nat(sound.length), fc.uint8Array({ maxLength: 4 }), fc.nat(8));
    await fc.assert(
      fc.asyncProperty(edits, ([place, bytes, gone]) =>
        openText(Buffer.concat([sound.subarray(0, place), bytes, sound.subarray(place + gone)])),
      ),
      { numRuns: 200, seed: 5 },
    );
  });
});
