import { afterEach, describe, expect, test } from "vitest";
import { CallError } from "../errors.ts";
import { autocast, freeAll, keep, liveTensors, noGrad, ones, scope, type Tensor, zeros } from "./index.ts";

afterEach(() => expect(liveTensors().live).toBe(0));

test("what is born in a scope is freed at its end, the result is not", () => {
  const born: Tensor[] = [];
  const result = scope(() => {
    born.push(ones([1]), ones([1]).add(1));
    return born[1]!;
  });
  expect(born.map((tensor) => tensor.isAlive)).toEqual([false, true]);
  result.free();
});

test("results escape from arrays, objects and maps, however deep", () => {
  const make = () => ({
    list: [ones([1]), [ones([1])]],
    map: new Map([["a", { deep: ones([1]) }]]),
    text: "x",
    none: null,
  });
  const result = scope(make);
  expect(liveTensors().live).toBe(3);
  expect(result.map.get("a")!.deep.item()).toBe(1);
  freeAll([result.list[0] as Tensor, (result.list[1] as Tensor[])[0]!, result.map.get("a")!.deep]);
});

test("what escapes an inner scope belongs to the outer one", () => {
  const escaped = scope(() => {
    const inner = scope(() => ones([1]));
    expect(inner.isAlive).toBe(true);
    return inner.isAlive;
  });
  expect(escaped).toBe(true);
});

test("an error frees everything too", () => {
  const fail = () => {
    ones([4]);
    throw new Error("stop");
  };
  expect(() => scope(fail)).toThrow("stop");
});

describe("a promise", () => {
  const pending = async () => 1;
  const failing = () => Promise.reject(new Error("its tensors are gone"));

  test("does not compile", () => {
    // @ts-expect-error an async function is refused by its type
    expect(() => scope(pending)).toThrow();
    // @ts-expect-error
    expect(() => noGrad(pending)).toThrow();
    // @ts-expect-error
    expect(() => autocast({ dtype: "bfloat16" }, pending)).toThrow();
    expect(scope(() => undefined)).toBeUndefined();
  });

  test.each([
    ["scope", scope],
    ["noGrad", noGrad],
    ["autocast", (body: () => unknown) => autocast({ dtype: "bfloat16" }, body)],
  ] as [string, (body: () => unknown) => unknown][])(
    "is refused by %s, and what becomes of it ends nothing",
    async (name, run) => {
      for (const body of [pending, failing]) {
        expect(() => run(body)).toThrow(CallError);
        expect(() => run(body)).toThrow(new RegExp(`^${name}: the function returned a promise; .*await outside`));
      }
      await new Promise(setImmediate); // an unhandled rejection would fail this test file
      expect(scope(() => ones([1]).requiresGrad_().mul(2).requiresGrad)).toBe(true); // the mode is as before
    },
  );
});

test("kept tensors outlive all scopes; those of outer scopes are left alone", () => {
  const kept = scope(() => {
    const outer = zeros([1]);
    const tensor = scope(() => keep(ones([1])));
    expect(outer.isAlive).toBe(true);
    return () => tensor; // not as a result that would escape
  })();
  expect(kept.isAlive).toBe(true);
  kept.free();
});

test("a tensor from outside that is returned stays where it was", () => {
  const outside = ones([1]);
  scope(() => scope(() => outside));
  expect(outside.isAlive).toBe(true);
  outside.free();
});

test("counts and bytes follow the tensors", () => {
  const before = liveTensors();
  const tensor = zeros([1000]);
  expect(liveTensors().bytes - before.bytes).toBe(4000);
  expect(liveTensors().live - before.live).toBe(1);
  tensor.free();
  expect(liveTensors().peak).toBeGreaterThanOrEqual(1);
});
