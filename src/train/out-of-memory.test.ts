import { afterAll, expect, it } from "vitest";
import { freeState, tinyState } from "../../test/method-suite.ts";
import { SelfsightError } from "../errors.ts";
import { liveTensors } from "../torch/index.ts";
import { withGuess } from "./out-of-memory.ts";

afterAll(() => expect(liveTensors().live).toBe(0));

const error = new SelfsightError("memory", "conv2d(8): out of memory");
const small = { projector: "16-8" };

it.each([
  ["simclr", small, 2, /^step 1, 4 images at a time in this process: .*--set microBatch=4, which was not tried$/],
  ["simclr", { ...small, microBatch: 4 }, 2, /, 2 images at a time .*--set microBatch=2, which was not tried$/],
  ["simclr", { ...small, microBatch: 2 }, 2, /, 1 images at a time .*; start more processes$/],
  ["simsiam", small, 2, /--batch 4, which was not tried$/],
] as const)("of several processes names half of what %s %j tried", (method, options, processes, sentence) => {
  const state = tinyState(method, options);
  expect(withGuess(state, processes, error)).toMatchObject({ kind: "memory", exitCode: 9, cause: error });
  expect(withGuess(state, processes, error).message).toMatch(sentence);
  freeState(state);
});
