import { describe, expect, test } from "vitest";
import type { ImageFolder } from "../data/index.ts";
import { defaultRules } from "../data/index.ts";
import { budgetOf, labelledPlaces } from "./label-budget.ts";

/** 60 ants and 40 bees, named as ImageNet's files are. */
function folder(): ImageFolder {
  const names = Array.from({ length: 100 }, (_, i) => (i < 60 ? `n01/n01_${i}.JPEG` : `n02/n02_${i}.JPEG`));
  return {
    ...{
      kind: "folder",
      name: "insects",
      root: "/data",
      length: 100,
      fingerprint: "",
      skipped: [],
      rules: defaultRules,
    },
    files: names.map((label) => ({ path: Buffer.from(`/data/${label}`), label, bytes: 1, modifiedSeconds: 0 })),
    labels: Int32Array.from(names, (_, i) => Number(i >= 60)),
    classes: ["n01", "n02"],
  };
}

const counts = (places: Uint32Array) => [
  places.filter((place) => place < 60).length,
  places.filter((p) => p >= 60).length,
];

describe("a share of the labels", () => {
  test("is taken from each class, in proportion", () => {
    expect(counts(labelledPlaces(folder(), { kind: "share", share: 0.1 }, 0).places)).toEqual([6, 4]);
    expect(counts(labelledPlaces(folder(), { kind: "share", share: 1 }, 0).places)).toEqual([60, 40]);
  });

  test("follows from the seed, and holds every smaller share of the same seed", () => {
    const [few, more, other] = [
      labelledPlaces(folder(), { kind: "share", share: 0.1 }, 3).places,
      labelledPlaces(folder(), { kind: "share", share: 0.5 }, 3).places,
      labelledPlaces(folder(), { kind: "share", share: 0.1 }, 4).places,
    ];
    expect(labelledPlaces(folder(), { kind: "share", share: 0.1 }, 3).places).toEqual(few);
    expect(few.every((place) => more.includes(place))).toBe(true);
    expect(other).not.toEqual(few);
  });

  test("that is less than one label of a class is refused, by its name and count", () => {
    expect(() => labelledPlaces(folder(), { kind: "share", share: 0.01 }, 0)).toThrow(
      /1% of the labels are asked for; n02 has 40 train images in insects, which is less than one label/,
    );
  });
});

test("as many of each class as asked for, and no fewer", () => {
  expect(counts(labelledPlaces(folder(), { kind: "per-class", count: 7 }, 0).places)).toEqual([7, 7]);
  expect(() => labelledPlaces(folder(), { kind: "per-class", count: 41 }, 0)).toThrow(
    /41 labels of each class are asked for; n02 has 40 train images in insects; .*--labels 40-per-class/,
  );
});

describe("a list", () => {
  const list = (...names: string[]) => labelledPlaces(folder(), { kind: "list", names, file: "list.txt" }, 0);

  test("names pictures by path, by file name, or by the class before the underscore", () => {
    expect([...list("n02/n02_61.JPEG", "n01_3.JPEG").places]).toEqual([3, 61]);
    expect(list("n02/n02_61.JPEG", "n01_3.JPEG").notes).toEqual([]);
  });

  test("whose names are not all there says how many are not, and which; so of classes without a label", () => {
    const { places, notes } = list("n01_3.JPEG", "n01_999.JPEG", "n03_1.JPEG");
    expect([...places]).toEqual([3]);
    expect(notes).toEqual([
      "2 of the 3 names in list.txt are not among the train images (n01_999.JPEG, n03_1.JPEG)",
      "1 classes have no label in the list (n02)",
    ]);
  });

  test("without a picture of the data is refused, with a name that would do", () => {
    expect(() => list("n01-3.JPEG")).toThrow(
      /list.txt has 1 names, none of them a train image \(n01-3.JPEG\).*such as n01\/n01_0.JPEG/,
    );
    expect(() => list()).toThrow(/list.txt has no names of insects/);
  });

  test("of a name that stands in two folders takes neither", () => {
    const twice = folder();
    const files = [...twice.files].map((file, i) => (i === 60 ? { ...file, label: "n02/n01_3.JPEG" } : file));
    const found = labelledPlaces(
      { ...twice, files },
      { kind: "list", names: ["n01_3.JPEG", "n01_4.JPEG"], file: "l" },
      0,
    );
    expect([...found.places]).toEqual([3, 4]); // the class before the underscore says which
    const bare = files.map((file, i) => (i === 3 ? { ...file, label: "n03/n01_3.JPEG" } : file));
    const lost = labelledPlaces(
      { ...twice, files: bare },
      { kind: "list", names: ["n01_3.JPEG", "n01_4.JPEG"], file: "l" },
      0,
    );
    expect([...lost.places]).toEqual([4]);
  });
});

test("budgets as text", () => {
  expect(budgetOf("1%")).toEqual({ kind: "share", share: 0.01 });
  expect(budgetOf("12.5 %")).toEqual({ kind: "share", share: 0.125 });
  expect(budgetOf("10-per-class")).toEqual({ kind: "per-class", count: 10 });
  expect(budgetOf("1percent.txt")).toBeUndefined();
  for (const wrong of ["0%", "101%", "0-per-class"]) expect(() => budgetOf(wrong)).toThrow(/finetune: labels/);
});
