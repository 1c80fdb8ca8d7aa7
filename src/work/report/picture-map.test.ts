import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { drawRun } from "../../../test/drawn-run.ts";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { pictureMap } from "./picture-map.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const base64 = (places: number[]) => Buffer.from(Int16Array.from(places).buffer).toString("base64");

it("is the last line of what was observed, without pictures that have no features", async () => {
  const folder = scratch.next();
  await drawRun(folder, { isObserved: false });
  expect(pictureMap(folder)).toBeUndefined();
  const observations = join(folder, "observations");
  mkdirSync(observations, { recursive: true });
  const line = (step: number, places: number[]) =>
    JSON.stringify({ step, epoch: 1, points: base64(places), scale: 0.1, explained: 0.5, neighbours: [] });
  writeFileSync(
    join(observations, "map.jsonl"),
    `${line(5, [1, 1, 1, 1, 1, 1])}\n${line(9, [10, -20, -32768, -32768, 30, 40])}\n`,
  );
  const names = ["a", "b", "c"];
  const sample = { format: 1, length: 3, indices: [0, 1, 2], names, labels: [1, 0, 0], classes: ["x", "y"] };
  writeFileSync(join(observations, "sample.json"), JSON.stringify({ ...sample, queries: [], tile: 32, columns: 2 }));
  expect(pictureMap(folder)).toEqual({
    step: 9,
    points: [
      { x: 10, y: -20, label: 1, name: "a" },
      { x: 30, y: 40, label: 0, name: "c" },
    ],
    explained: 0.5,
    classes: ["x", "y"],
  });
});
