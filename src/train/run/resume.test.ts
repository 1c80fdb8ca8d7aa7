import { expect, it } from "vitest";
import type { LogEvent } from "./log.ts";
import { differenceOfMachines } from "./resume.ts";

const start = (facts: object) => ({ event: "start", step: 0, ...facts }) as unknown as LogEvent;
const machine = { selfsight: "0.1.0", libtorch: "2.13.0", device: "cpu", precision: "bf16", threads: 2 };

it("names what is other than when the run was last at work, and nothing that was not said then", () => {
  expect(differenceOfMachines([start(machine)], start(machine))).toBeUndefined();
  expect(differenceOfMachines([], start(machine))).toBeUndefined();
  expect(differenceOfMachines([start({ ...machine, threads: 4 })], start(machine))).toMatch(/^threads 4 -> 2: /);
  expect(differenceOfMachines([start({})], start(machine))).toBeUndefined();
});
