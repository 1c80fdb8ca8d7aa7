import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { putPictures } from "../../../test/work-pictures.ts";
import { undoSort } from "./carry-out.ts";
import { sortPictures } from "./sort.ts";

const parent = mkdtempSync(join(tmpdir(), "sort-"));
let [photos, into, labels] = ["", "", ""];
let round = 0;
const how = { size: 16, warn: () => {} };

/** Red and blue pictures in two folders, which share file names. */
beforeEach(async () => {
  const root = join(parent, String(round++));
  [photos, into, labels] = ["photos", "sorted", "labels.csv"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  await putPictures(join(photos, "x"), 0, 4, [255, 20, 20]);
  await putPictures(join(photos, "x"), 4, 4, [20, 20, 255]);
  mkdirSync(join(photos, "y"));
  for (const name of ["001.png", "005.png"])
    writeFileSync(join(photos, "y", name), readFileSync(join(photos, "x", name)));
  writeFileSync(labels, "x/000.png,red\nx/004.png,blue\n");
});
afterAll(() => rmSync(parent, { recursive: true }));

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => lstatSync(join(folder, name)).isFile())
    .sort();

describe("sort", () => {
  it("makes a plan and touches nothing", async () => {
    const before = filesIn(photos);
    const { moves, carriedOut } = await sortPictures("pixels", photos, { ...how, into, labels, sure: 0.5 });
    expect([moves.length, carriedOut, existsSync(into), filesIn(photos)]).toEqual([8, undefined, false, before]);
    expect(moves.map(({ group }) => group).filter((group) => group === "red")).toHaveLength(4);
    expect(new Set(moves.map(({ to }) => to)).size).toBe(8); // two of one name do not meet
  });

  it("moves the files, writes a list first, and the list brings them back", async () => {
    const before = filesIn(photos).map((name) => [name, readFileSync(join(photos, name)).toString("base64")]);
    const { carriedOut } = await sortPictures("pixels", photos, { ...how, into, labels, sure: 0.5, go: "move" });
    expect(carriedOut).toMatchObject({ done: 8, refused: [], undoList: join(into, "undo-1.json") });
    expect(filesIn(into)).toEqual([
      "blue/005-2.png",
      "blue/005.png",
      "blue/006.png",
      "blue/007.png",
      "red/001-2.png",
      "red/001.png",
      "red/002.png",
      "red/003.png",
      "undo-1.json",
    ]);
    expect(filesIn(photos)).toEqual(["x/000.png", "x/004.png"]); // those that were labelled stay
    expect(undoSort(carriedOut!.undoList)).toEqual({ done: 8, refused: [] });
    expect(filesIn(photos).map((name) => [name, readFileSync(join(photos, name)).toString("base64")])).toEqual(before);
    expect(undoSort(carriedOut!.undoList)).toEqual({ done: 8, refused: [] }); // twice is once
  });

  it("never overwrites, neither there nor on the way back", async () => {
    mkdirSync(join(into, "red"), { recursive: true });
    writeFileSync(join(into, "red/001.png"), "mine");
    const { carriedOut } = await sortPictures("pixels", photos, { ...how, into, labels, sure: 0.5, go: "move" });
    expect(readFileSync(join(into, "red/001.png"), "utf8")).toBe("mine");
    expect(carriedOut!.done).toBe(8);
    writeFileSync(join(photos, "x/002.png"), "new");
    const { done, refused } = undoSort(carriedOut!.undoList);
    expect([done, refused]).toEqual([
      7,
      [{ name: join(into, "red/002.png").replace(into, photos).replace("red", "x"), reason: "its new name is taken" }],
    ]);
    expect(readFileSync(join(photos, "x/002.png"), "utf8")).toBe("new");
  });

  it("links in place of moving, and takes only its own links away", async () => {
    const { carriedOut, moves } = await sortPictures("pixels", photos, { ...how, into, k: 2, go: "link" });
    expect([carriedOut!.done, filesIn(photos).length]).toEqual([10, 10]);
    expect(lstatSync(moves[0]!.to).isSymbolicLink()).toBe(true);
    expect(readFileSync(moves[0]!.to)).toEqual(readFileSync(moves[0]!.from));
    rmSync(moves[0]!.to);
    writeFileSync(moves[0]!.to, "mine");
    const { done, refused } = undoSort(carriedOut!.undoList);
    expect([done, refused.map(({ reason }) => reason)]).toEqual([9, ["another file has taken its name"]]);
    expect(filesIn(photos)).toHaveLength(10);
  });

  it("a file that vanished meanwhile is named, the others go on", async () => {
    const plan = await sortPictures("pixels", photos, { ...how, into, k: 2 });
    const { carryOut } = await import("./carry-out.ts");
    rmSync(plan.moves[3]!.from);
    const { done, refused } = carryOut(plan, "move");
    expect([done, refused]).toEqual([9, [{ name: plan.moves[3]!.from, reason: "it is no longer there" }]]);
  });

  it("leaves what nobody can be sure of, and refuses what leads elsewhere", async () => {
    const { moves, left } = await sortPictures("pixels", photos, { ...how, into, labels, sure: 1 });
    expect([moves.length, left]).toEqual([0, 8]);
    writeFileSync(labels, "x/000.png,../../red\nx/004.png,blue\n");
    await expect(sortPictures("pixels", photos, { ...how, into, labels })).rejects.toMatchObject({
      kind: "data",
      message: /is no name for a folder/,
    });
    await expect(sortPictures("pixels", "shapes", { ...how, into, limit: 20 })).rejects.toMatchObject({
      kind: "configuration",
      message: /a folder of files/,
    });
    expect(() => undoSort(labels)).toThrow(/no list of `selfsight sort`/);
  });
});
