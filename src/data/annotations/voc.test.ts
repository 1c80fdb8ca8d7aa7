import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { drawPicture, drawVoc, type VocObject, vocXml } from "../../../test/drawn-annotations.ts";
import { objectsOf, openDetectionSet } from "./index.ts";
import { vocClasses } from "./voc/folders.ts";
import { vocAnnotation } from "./voc/xml.ts";

const root = mkdtempSync(join(tmpdir(), "selfsight-voc-set-"));
afterAll(() => rmSync(root, { recursive: true }));

let folders = 0;
const newFolder = (): string => {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  return folder;
};
const opened = async (annotations: Record<string, string>, split = "all") =>
  openDetectionSet(await drawVoc(newFolder(), annotations), { split });

describe("a VOC folder", () => {
  it("becomes boxes from 0, their ends behind the last pixel", async () => {
    const set = await opened({
      one: vocXml([{ box: [1, 1, 20, 10] }, { name: "dog", box: [3, 4, 3, 4], difficult: 1 }]),
    });
    const { boxes, classes, isDifficult, areas } = objectsOf(set, 0);
    expect([...boxes]).toEqual([0, 0, 20, 10, 2, 3, 3, 4]);
    expect([[...classes], [...isDifficult], [...areas]]).toEqual([
      [0, 1],
      [0, 1],
      [200, 1],
    ]);
    expect(set.categories).toEqual([
      { id: 1, name: "cat" },
      { id: 2, name: "dog" },
    ]);
    expect(set.images[0]).toMatchObject({ id: "one", width: 20, height: 10 });
    expect([set.layout, set.issues]).toEqual(["voc", []]);
  });

  it("has VOC's own classes in VOC's order where all of them are there", async () => {
    const set = await opened({ one: vocXml([...vocClasses].reverse().map((name) => ({ name }))) });
    expect(set.categories.map(({ name }) => name)).toEqual(vocClasses);
  });

  it("passes over the parts of a person", () => {
    const part =
      "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>";
    const xml = vocXml([{ name: "person" }]).replace("</object>", `${part}</object>`);
    expect(vocAnnotation(xml).objects).toEqual([{ name: "person", box: [1, 1, 9, 5], isDifficult: false }]);
  });

  it("reads XML's own five entities, and numbers with a point", () => {
    const { objects } = vocAnnotation(vocXml([{ name: "tv &amp; monitor", box: ["1.5", 2, 9, "5.25"] }]));
    expect(objects).toEqual([{ name: "tv & monitor", box: [0.5, 1, 9, 5.25], isDifficult: false }]);
  });
});

describe("parts of a VOC folder", () => {
  const annotations = Object.fromEntries(
    ["a", "b", "c", "d"].map((stem) => [stem, vocXml([{ name: stem < "c" ? "cat" : "dog" }])]),
  );
  const lists = { train: ["a", "c"], val: ["b"], trainval: ["a", "b", "c"], cat_train: ["a  1", "c -1"] };

  it("are its lists", async () => {
    const folder = await drawVoc(newFolder(), annotations, lists);
    const idsOf = async (split: string) => (await openDetectionSet(folder, { split })).images.map(({ id }) => id);
    expect(await idsOf("train")).toEqual(["a", "c"]);
    expect(await idsOf("trainval")).toEqual(["a", "b", "c"]);
    expect(await idsOf("test")).toEqual(["b"]); // val, where there is no test
    expect(await idsOf("all")).toEqual(["a", "b", "c", "d"]);
    await expect(idsOf("trainvall")).rejects.toThrow(/has train, trainval, val.*Did you mean trainval\?/);
  });

  it("have the classes of all, whichever is opened", async () => {
    const folder = await drawVoc(newFolder(), annotations, { train: ["a"], val: ["c"] });
    const { categories } = await openDetectionSet(folder, { split: "val" });
    expect(categories.map(({ name }) => name)).toEqual(["cat", "dog"]);
  });

  it("are keyed where it has no lists", async () => {
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, place) => [`p${place}`, vocXml([{}])]));
    const folder = await drawVoc(newFolder(), many);
    const idsOf = async (split: string) => (await openDetectionSet(folder, { split })).images.map(({ id }) => id);
    const [train, test] = [await idsOf("train"), await idsOf("test")];
    expect([train.length, test.length]).toEqual([8, 2]);
    expect([...train, ...test].sort()).toEqual(Object.keys(many).sort());
    await expect(idsOf("trainval")).rejects.toThrow(/no lists in ImageSets\/Main/);
  });

  it("07+12 is trained on both trainval and measured on the test of 2007", async () => {
    const folder = newFolder();
    await drawVoc(join(folder, "VOC2007"), annotations, { trainval: ["a", "b"], test: ["c"] });
    await drawVoc(join(folder, "VOC2012"), { x: vocXml([{}]), a2: vocXml([{}]) }, { trainval: ["x"] });
    const set = await openDetectionSet(join(folder, "07+12"), { split: "train" });
    expect(set.images.map(({ id }) => id)).toEqual(["a", "b", "x"]);
    expect(set.images[2]!.file).toBe(join(folder, "VOC2012", "JPEGImages", "x.jpg"));
    const test = await openDetectionSet(join(folder, "07+12"), { split: "test" });
    expect([test.images.map(({ id }) => id), test.categories]).toEqual([["c"], set.categories]);
    await expect(openDetectionSet(join(folder, "07+12"), { split: "x" })).rejects.toThrow(/split x was asked for/);
    rmSync(join(folder, "VOC2012", "ImageSets"), { recursive: true });
    await expect(openDetectionSet(join(folder, "07+12"))).rejects.toThrow(/trainval.txt: ENOENT.*a list of pictures/);
    rmSync(join(folder, "VOC2012"), { recursive: true });
    await expect(openDetectionSet(join(folder, "07+12"))).rejects.toThrow(/VOC2012 is no VOC folder/);
  });
});

describe("faults are counted and named", () => {
  const sound = vocXml([{}]);
  const kinds = async (annotations: Record<string, string>) => {
    const { issues, objects, images } = await opened(annotations);
    return {
      issues: issues.map(({ kind, count, first }) => [kind, count, first[0]]),
      objects: objects.classes.length,
      images: images.length,
    };
  };

  it.each<[string, VocObject]>([
    ["box-not-finite", { box: ["x", 1, 5, 5] }],
    ["box-not-finite", { box: ["", 1, 5, 5] }],
    ["box-not-finite", { box: ["NaN", 1, 5, 5] }],
    ["box-not-finite", { box: ["1e999", 1, 5, 5] }],
    ["box-inverted", { box: [9, 1, 5, 5] }],
    ["box-empty", { box: [6, 1, 5, 5] }],
    ["box-outside", { box: [30, 1, 40, 5] }],
    ["unknown-category", { name: "" }],
  ])("%s: %j", async (kind, object) => {
    expect(await kinds({ one: vocXml([{}, object]) })).toEqual({
      issues: [[kind, 1, "one.xml object 2"]],
      objects: 1,
      images: 1,
    });
  });

  it("an object without a box", async () => {
    const xml = vocXml([{}]).replace("<object>", "<object><name>cat</name></object><object>");
    expect(await kinds({ one: xml })).toEqual({ issues: [["no-box", 1, "one.xml object 1"]], objects: 1, images: 1 });
  });

  it("a class in another case is the same class", async () => {
    const found = await kinds({ one: vocXml([{ name: "cat" }, { name: "Cat" }, { name: "cat" }]) });
    expect(found).toEqual({ issues: [["class-case", 1, "Cat for cat"]], objects: 3, images: 1 });
  });

  it("pictures without objects", async () => {
    expect(await kinds({ one: sound, two: vocXml([]) })).toEqual({
      issues: [["image-without-objects", 1, "two"]],
      objects: 1,
      images: 2,
    });
  });

  it("sizes: missing ones are read, wrong ones leave the picture out", async () => {
    const set = await opened({ one: vocXml([{}], "") });
    expect([set.images[0], set.issues]).toEqual([expect.objectContaining({ width: 20, height: 10 }), []]);
    const other = await kinds({ one: sound, two: vocXml([{}], "<width>10</width><height>20</height>") });
    expect(other).toMatchObject({
      issues: [["image-size", 1, expect.stringContaining("two.jpg (picture two): 20x10, not 10x20")]],
      objects: 1,
    });
  });

  it("annotations without pictures, pictures without annotations", async () => {
    const folder = await drawVoc(newFolder(), { one: sound, two: sound });
    rmSync(join(folder, "JPEGImages", "two.jpg"));
    await drawPicture(join(folder, "JPEGImages", "three.jpg"));
    const { issues, images } = await openDetectionSet(folder, { split: "all" });
    expect([images.length, issues.map(({ kind }) => kind)]).toEqual([1, ["image-missing"]]);
    const keyed = await openDetectionSet(folder, { split: "train" });
    expect(keyed.issues.map(({ kind, first }) => [kind, first[0]])).toContainEqual([
      "image-without-annotation",
      "three.jpg",
    ]);
    rmSync(join(folder, "JPEGImages"), { recursive: true });
    await expect(openDetectionSet(folder, { split: "all" })).rejects.toThrow(/none of their pictures is there/);
  });

  it("a list that names what is not there", async () => {
    const folder = await drawVoc(newFolder(), { one: sound }, { train: ["one", "ghost", "../one"] });
    const { issues, images } = await openDetectionSet(folder, { split: "train" });
    expect([images.length, issues.map(({ kind, count, first }) => [kind, count, first[0]])]).toEqual([
      1,
      [["image-without-annotation", 1, "ghost"]],
    ]);
  });

  it.each([
    ["cut short", sound.slice(0, 120)],
    ["empty", ""],
    ["no XML", "hello"],
    ["another root", "<html></html>"],
    ["a bomb", `<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;&x;">]>${sound.replace("cat", "&y;")}`],
    ["a file from outside", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>${sound.replace("cat", "&x;")}`],
    ["larger than any", `${sound}<!--${"x".repeat(5 * 1024 * 1024)}-->`],
  ])("a file that is %s is left out", async (_, xml) => {
    expect(await kinds({ one: sound, two: xml })).toEqual({
      issues: [["file-unreadable", 1, expect.stringMatching(/^two\.xml \(/)]],
      objects: 1,
      images: 1,
    });
    await expect(opened({ two: xml })).rejects.toThrow(
      /no annotation that can be read: annotation files that cannot be read/,
    );
  });
});

it("whatever the text, an annotation or a plain error comes of it", () => {
  const sound = vocXml([{}, { name: "dog" }]);
  const tags = fc.constantFrom(
    "<object>",
    "</object>",
    "<name>",
    "<bndbox/>",
    "<size>5</size>",
    "<annotation>",
    "<!DOCTYPE",
    "&lt;",
    "<![CDATA[",
    "<?x",
    "constructor",
    "__proto__",
    "<__proto__>1</__proto__>",
  );
  const edit = fc.tuple(fc.nat(sound.length), fc.oneof(tags, fc.string({ maxLength: 6 })), fc.nat(20));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      const text = edits.reduce(
        (now, [place, put, gone]) => now.slice(0, place) + put + now.slice(place + gone),
        sound,
      );
      try {
        const { objects, width, height } = vocAnnotation(text);
        expect([typeof width, typeof height, Array.isArray(objects)]).toEqual(["number", "number", true]);
        for (const { name, box } of objects) expect([typeof name, box?.length ?? 4]).toEqual(["string", 4]);
      } catch (error) {
        expect((error as Error).name).toBe("Error");
      }
    }),
    { numRuns: 500, seed: 6 },
  );
});
