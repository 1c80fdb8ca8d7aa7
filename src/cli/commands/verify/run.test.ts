import { fileURLToPath } from "node:url";
import { beforeAll, expect, test, vi } from "vitest";
import { addon } from "../../../torch/addon.ts";
import { type CaseResult, verify, verifyFolder } from "./run.ts";

const folder = fileURLToPath(new URL("../../../../test/reference", import.meta.url));

/**
 * libtorch's device of shapes without numbers. It refuses tensors of two places in one call, as a GPU does, and computes nothing: every
 * case ends at its first reading, or at an operator that has no shapes-only form in C++.
 */
const shapesOnly = "meta";
/** It has no place for parameters, nor all that LARS calls. */
const withoutParameters = (operation: string) => !/resnet|transformer|trajectory|lars|detector/.test(operation);

let results: CaseResult[];
beforeAll(() => {
  const { autocast } = addon();
  vi.spyOn(addon(), "autocast").mockImplementation((_, ...rest) => autocast("cpu", ...rest)); // it knows none of shapes
  results = verifyFolder(folder, shapesOnly).filter(({ operation }) => withoutParameters(operation));
  vi.restoreAllMocks();
}, 120_000);

test("cases are computed where it was asked for, as far as that can be seen without a GPU", () => {
  const reasons = results.map(({ operation, status, reason }) => `${operation}: ${reason ?? status}`);
  expect(reasons.filter((line) => !/meta|unsupported/i.test(line))).toEqual([]);
  expect(reasons.filter((line) => /on the same device|two devices|not on the expected device/i.test(line))).toEqual([]);
  expect(results.length).toBeGreaterThan(20);
});

test("a GPU that is not there is refused as configuration", async () => {
  await expect(verify(folder, { device: "cuda" })).rejects.toMatchObject({ kind: "configuration", exitCode: 2 });
});
