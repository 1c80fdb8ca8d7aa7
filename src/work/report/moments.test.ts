import { afterAll, expect, it } from "vitest";
import { drawRun } from "../../../test/drawn-run.ts";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { mostMoments } from "../../report/index.ts";
import { matrixMoments, matrixOf } from "./moments.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

it("chooses moments evenly, the first and the last among them", async () => {
  const folder = scratch.next();
  await drawRun(folder, { steps: 1000 });
  const moments = await matrixMoments(folder);
  expect(moments.length).toBe(mostMoments);
  expect([moments[0]!.step, moments.at(-1)!.step]).toEqual([10, 1000]);
  expect(moments[0]!.uri).toMatch(/^data:image\/png;base64,/);
  expect(moments[0]!.uri).not.toBe(moments.at(-1)!.uri);
});

it("has none of a run that was not observed", async () => {
  const folder = scratch.next();
  await drawRun(folder, { isObserved: false });
  expect(await matrixMoments(folder)).toEqual([]);
});

it("reads the bytes of an observation as the correlations that they are", () => {
  const base64 = (bytes: number[]) => Buffer.from(bytes).toString("base64");
  const { side, cells } = matrixOf({ step: 1, matrix: base64([0, 255, 51, 0]), diagonal: base64([255, 0]) });
  expect(side).toBe(2);
  for (const [i, value] of [1, 1, 0.04, -1].entries()) expect(cells[i]).toBeCloseTo(value, 6);
});
