// `selfsight score` and its function, on COCO's known answers and on small faulty files.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unpackInto } from "../../../test/coco-reference.ts";
import { cocoFile, drawVoc, vocXml } from "../../../test/drawn-annotations.ts";
import { scoreResults } from "./score.ts";

const selfsight = fileURLToPath(new URL("../../../bin/selfsight.mjs", import.meta.url));
const run = (...words: string[]) => spawnSync(process.execPath, [selfsight, "score", ...words], { encoding: "utf8" });

const folder = mkdtempSync(join(tmpdir(), "selfsight-score-"));
afterAll(() => rmSync(folder, { recursive: true }));
let [truth, boxes, masks] = ["", "", ""];
beforeAll(() => {
  truth = unpackInto(folder, "instances_val2014_100.json");
  boxes = unpackInto(folder, "instances_val2014_fakebbox100_results.json");
  masks = unpackInto(folder, "instances_val2014_fakesegm100_results.json");
});

const write = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
};

describe("the command", () => {
  it("prints the twelve numbers under their names", () => {
    const { stdout, stderr, status } = run(boxes, "--data", truth);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning: classes without an object in this part: 10, kept \(.* and 5 more\)\n$/);
    expect(stdout).toContain("boxes, instances_val2014_100.json (val2014): 100 pictures, 839 objects, 734 detections");
    expect(stdout.match(/^A[PR]\w*/gm)).toEqual(
      "AP AP50 AP75 APsmall APmedium APlarge AR1 AR10 AR100 ARsmall ARmedium ARlarge".split(" "),
    );
    expect(stdout).toMatch(/^AP {8} 50\.46/m);
  });

  it("and for machines, masks too", () => {
    const { stdout, status } = run(masks, "--data", truth, "--masks", "--any-class", "--json");
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(status).toBe(0);
    expect(report).toMatchObject({ protocol: "coco-masks-v1", classAgnostic: true, images: 100, detections: 734 });
    expect(report.categories).toEqual([]);
    expect(report.issues).toEqual([expect.objectContaining({ kind: "class-absent", count: 10 })]);
  });

  it("warns of what is wrong and ends with 3 where nothing can be scored", () => {
    const data = write(
      "truth.json",
      cocoFile({ annotations: [{ id: 1, image_id: 1, category_id: 3, bbox: [1, 1, 8, 4] }] }),
    );
    const result = { image_id: 1, category_id: 3, bbox: [1, 1, 8, 4], score: 1 };
    const half = run(write("half.json", [result, { ...result, category_id: 9 }]), "--data", data);
    expect(half.status).toBe(0);
    expect(half.stderr).toContain("warning: pictures without objects: 1, kept (picture 2)");
    expect(half.stderr).toContain("warning: entries of an unknown category: 1, left out (half.json [1] (category 9))");
    expect(half.stdout).toMatch(/^AP {7} 100\.00/m);
    expect(half.stdout).toMatch(/^APlarge {8}- /m);
    const none = run(write("none.json", [{ ...result, image_id: 9 }]), "--data", data, "--json");
    expect(none.status).toBe(3);
    expect(JSON.parse(none.stdout)).toMatchObject({ error: { kind: "data" } });
  });

  it.each([
    [["--data", "x"], 2],
    [[], 2],
    [["missing.json", "--data", "missing"], 3],
    [["missing.json", "--data", "missing", "--boxes", "--masks"], 2],
  ])("%j ends with %i", (words, exitCode) => {
    const { status, stderr } = run(...words);
    expect(status).toBe(exitCode);
    expect(stderr).not.toContain("internal error");
  });
});

describe("the function", () => {
  it("scores results for a VOC folder by the names of its pictures", async () => {
    const data = await drawVoc(join(folder, "voc"), { one: vocXml([{ name: "dog" }]), two: vocXml([{}]) });
    const found = [
      { image_id: "one", category_id: 2, bbox: [1, 1, 8, 4], score: 1 },
      { image_id: "two", category_id: 1, bbox: [1, 1, 8, 4], score: 1 },
    ];
    const report = await scoreResults(write("voc.json", found), data);
    expect(report.AP).toBeCloseTo(1, 9);
    expect(report.categories.map(({ name, objects }) => [name, objects])).toEqual([
      ["cat", 1],
      ["dog", 1],
    ]);
  });

  it("refuses masks where there are none, and names objects without one", async () => {
    await expect(scoreResults(boxes, truth, { of: "masks" })).rejects.toThrow(/does not have one for each result/);
    const segmentation = [[1, 1, 9, 1, 9, 5, 1, 5]];
    const annotations = [
      { id: 1, image_id: 1, category_id: 3, bbox: [1, 1, 8, 4], segmentation },
      { id: 2, image_id: 2, category_id: 3, bbox: [1, 1, 8, 4] },
    ];
    const results = write("masks.json", [{ image_id: 1, category_id: 3, segmentation, score: 1 }]);
    const { resultIssues, issues, AR100 } = await scoreResults(
      results,
      write("half-masks.json", cocoFile({ annotations })),
      {
        of: "masks",
      },
    );
    expect(resultIssues).toEqual([]);
    expect(issues.map(({ kind, first }) => [kind, first])).toEqual([
      ["class-absent", ["dog"]],
      ["no-mask", ["picture 2, object 1"]],
    ]);
    expect(AR100).toBe(0.5);
    const without = write("without.json", cocoFile());
    await expect(scoreResults(results, without, { of: "masks" })).rejects.toThrow(/without.json has none/);
  });

  it("refuses what is no option", async () => {
    const wrong = { of: "boxs" } as unknown as { of: "boxes" };
    await expect(scoreResults(boxes, truth, wrong)).rejects.toThrow(/scoreResults: of .*boxs/);
    await expect(scoreResults("", truth)).rejects.toThrow(/a path of COCO results/);
  });
});
