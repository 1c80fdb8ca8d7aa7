import { cpSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { openDataset } from "../../data/index.ts";
import { describeChanges, describeTouched, writeDataList } from "./data-list.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const pngHead = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const names = Array.from({ length: 8 }, (_, i) => `picture ${i}.png`);
let run = "";
let pictures = "";

const write = (name: string, content: string, seconds: number) => {
  writeFileSync(join(pictures, name), Buffer.concat([pngHead, Buffer.from(content)]));
  utimesSync(join(pictures, name), seconds, seconds);
};
const said = async (folder = pictures) => {
  const dataset = await openDataset(folder);
  return [describeChanges(run, dataset), describeTouched(run, dataset)];
};

beforeEach(async () => {
  [run, pictures] = [scratch.next(), scratch.next()];
  for (const folder of [run, pictures]) mkdirSync(folder);
  for (const name of names) write(name, "a", 1_000_000);
  writeDataList(run, await openDataset(pictures));
});

it("has nothing to say of pictures that are as they were, nor of a copy that kept the times", async () => {
  expect(await said()).toEqual(["", ""]);
  const copy = scratch.next();
  cpSync(pictures, copy, { recursive: true, preserveTimestamps: true });
  expect(await said(copy)).toEqual(["", ""]);
});

it("names a picture that was replaced by another of equal size", async () => {
  write("picture 3.png", "b", 1_000_060);
  expect(await said()).toEqual([
    "",
    "1 of 8 pictures was written at another time than when the run last read them (picture 3.png)",
  ]);
});

it("names five of a folder that was copied without its times", async () => {
  for (const name of names) write(name, "a", 2_000_000);
  const [changed, touched] = await said();
  expect(changed).toBe("");
  expect(touched).toMatch(/^8 of 8 pictures were written .* \(picture 0\.png, .*picture 4\.png, \.\.\.\)$/);
});

it("tells new, gone and resized pictures apart from those", async () => {
  rmSync(join(pictures, "picture 0.png"));
  write("picture 1.png", "longer", 1_000_060);
  write("new.png", "a", 1_000_060);
  const [changed] = await said();
  expect(changed).toBe("1 new (new.png), 1 gone (picture 0.png), 1 of another size (picture 1.png)");
});

it("reads the list of an older run, which had no times, and passes over what is no list", async () => {
  writeFileSync(join(run, "pictures.tsv"), names.map((name) => `9\t${name}\n`).join(""));
  write("picture 3.png", "b", 1_000_060);
  expect(await said()).toEqual(["", ""]);
  rmSync(join(run, "pictures.tsv"));
  expect(await said()).toEqual(["", ""]);
  mkdirSync(join(run, "pictures.tsv"));
  expect(await said()).toEqual(["", ""]);
});
