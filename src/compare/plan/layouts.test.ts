// The papers' sets by tiny stand-ins of their folders, and what plans may ask to be measured.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { publishedTables } from "../../report/index.ts";
import { cellsOf, evaluationsHash } from "../runner/cells.ts";
import { neededSets, withFoundSets } from "./layouts.ts";
import { type PlanInput, parsePlan } from "./plan.ts";
import { plans } from "./shipped/index.ts";

let root: string;
const before = process.env.SELFSIGHT_DATA;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "layouts-"));
  process.env.SELFSIGHT_DATA = root;
});
afterEach(() => {
  rmSync(root, { recursive: true });
  if (before === undefined) delete process.env.SELFSIGHT_DATA;
  else process.env.SELFSIGHT_DATA = before;
});

const put = (...paths: string[]) => {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
};
const paper = (name: "paper-table-1" | "paper-table-2" | "paper-table-3" | "paper-table-4") =>
  parsePlan(plans[name], name);

it("finds each set by its folder, and the plans then run on paths", () => {
  put(
    "ILSVRC2012/train/a",
    "ILSVRC2012/val/a",
    "Places205/train/a",
    "Places205/val/a",
    "inat18/train/a",
    "inat18/val/a",
  );
  put(
    ...["Annotations/a", "JPEGImages/a", "ImageSets/Main/trainval.txt", "ImageSets/Main/test.txt"].map(
      (own) => `VOCdevkit/VOC2007/${own}`,
    ),
  );
  put("VOCdevkit/VOC2012/ImageSets/Main/trainval.txt");
  put(
    "coco/train2017/a",
    "coco/val2017/a",
    "coco/annotations/instances_train2017.json",
    "coco/annotations/instances_val2017.json",
  );
  expect(withFoundSets(paper("paper-table-1")).data).toBe(join(root, "ILSVRC2012"));
  expect(withFoundSets(paper("paper-table-3")).measurements.map(({ data }) => data)).toEqual([
    join(root, "Places205"),
    join(root, "VOCdevkit/VOC2007"),
    join(root, "inat18"),
  ]);
  expect(withFoundSets(paper("paper-table-4")).measurements.map(({ data }) => data)).toEqual([
    join(root, "VOCdevkit/07+12"),
    join(root, "coco"),
  ]);
});

it("refuses with every set that is not here and what it must look like", () => {
  put("imagenet/train/a", "imagenet/val/a", "voc07/Annotations/a");
  expect(neededSets(paper("paper-table-3")).map(({ name, path }) => [name, path !== null])).toEqual([
    ["imagenet", true],
    ["places205", false],
    ["voc07", false],
    ["inat18", false],
  ]);
  expect(() => withFoundSets(paper("paper-table-3"))).toThrow(
    /Places-205, VOC 2007, iNaturalist 2018 are not on this machine; .*a folder voc07 or VOCdevkit\/VOC2007 .*with Annotations, JPEGImages.* is needed; set SELFSIGHT_DATA/,
  );
  expect(() => withFoundSets(paper("paper-table-3"))).toThrow(expect.objectContaining({ kind: "data" }));
  delete process.env.SELFSIGHT_DATA;
  expect(() => withFoundSets(paper("paper-table-1"))).toThrow(/ImageNet .* is not on this machine/);
});

it("asks for no set where a plan names none", () => {
  expect(neededSets(parsePlan(plans["methods-quick"], "methods-quick"))).toEqual([]);
});

it.each([
  ["paper-table-2", "paper-table-2"],
  ["paper-table-3", "paper-table-3"],
  ["paper-table-4", "paper-table-4"],
] as const)("%s: its columns are the published table's, and its runs are those of Table 1", (name, table) => {
  const plan = paper(name);
  const { columns, rows } = publishedTables[table];
  for (const { key } of plan.measurements) expect(columns as readonly string[]).toContain(key);
  const first = paper("paper-table-1");
  const cells = (own: typeof plan) =>
    own.rows.flatMap((row) =>
      cellsOf(own, row, "x", row.budget && "epochs" in row.budget ? row.budget : { epochs: 1000 }),
    );
  const shared = cells(first).map((cell) => cell.name);
  expect(
    cells(plan)
      .map((cell) => cell.name)
      .filter((own) => !shared.includes(own)),
  ).toEqual([]);
  expect(plan.rows.every(({ method }) => rows.some(({ id }) => id === method))).toBe(true);
});

const tiny: PlanInput = { title: "tiny", data: "shapes", rows: [{ method: "barlow-twins" }], budget: { steps: 4 } };

it("takes protocols by name or with options; those of cached features stand together", () => {
  const plan = parsePlan(
    {
      ...tiny,
      protocols: [
        "knn",
        { linear: { epochs: 2 } },
        { finetune: { labels: "10%" } },
        { knn: { k: 3, title: "3-NN" } },
        { transfer: { svm: true, data: "voc07" } },
      ],
    },
    "p",
  );
  expect(plan.evaluations).toEqual({ knn: {}, linear: { epochs: 2 } });
  expect(plan.measurements.map(({ key }) => key)).toEqual(["finetune labels 10%", "3-NN", "transfer svm on voc07"]);
  expect(plan.measurements[1]).toEqual({ key: "3-NN", protocol: "knn", options: { k: 3 } });
});

it("measures kNN where nothing is asked, and what was measured before stays what it was", () => {
  const [plain, named] = [parsePlan(tiny, "p"), parsePlan({ ...tiny, protocols: ["knn"] }, "p")];
  expect([plain.evaluations, plain.measurements]).toEqual([{ knn: {} }, []]);
  expect(evaluationsHash(named, false)).toBe(evaluationsHash(plain, false));
  const more = parsePlan({ ...tiny, protocols: ["knn", "unlabelled"] }, "p");
  expect(evaluationsHash(more, false)).not.toBe(evaluationsHash(plain, false));
});

it.each([
  [["kn"], /protocols.0: kn is no protocol; knn, .*Did you mean knn\?/],
  [[{ finetune: { lables: "1%" } }], /finetune: no such option: lables Did you mean labels\?/],
  [[{ knn: { k: 0 } }], /knn: k: /],
  [["knn", { knn: { title: "knn" } }], /knn stands there twice/],
  [["toString"], /toString is no protocol/],
])("refuses protocols %j", (protocols, message) => {
  expect(() => parsePlan({ ...tiny, protocols: protocols as never }, "p")).toThrow(message);
});

it("refuses two lists of what is measured", () => {
  expect(() => parsePlan({ ...tiny, protocols: ["knn"], evaluations: { knn: {} } }, "p")).toThrow(
    /one of them is needed/,
  );
});
