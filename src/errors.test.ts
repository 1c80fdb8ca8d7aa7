import { expect, it } from "vitest";
import { CallError, exitCodes, kindInCommand, SelfsightError } from "./errors.ts";

it("a wrong call is its caller's: a program's author's, and in a command Selfsight's own", () => {
  const wrong = new CallError("matmul(float32[2], float32[3]): ...");
  expect([wrong.kind, wrong.exitCode, wrong instanceof SelfsightError]).toEqual(["configuration", 2, true]);
  expect(kindInCommand(wrong)).toBe("bug");
  expect(kindInCommand(new SelfsightError("data", "x"))).toBe("data");
  expect(kindInCommand(new TypeError("x"))).toBe("bug");
});

it("exit codes are what scripts rely on", () => {
  expect(exitCodes).toEqual({
    bug: 1,
    configuration: 2,
    data: 3,
    storage: 4,
    checkpoint: 5,
    numerics: 6,
    distributed: 7,
    unsafe: 8,
    memory: 9,
  });
});
