import { afterAll, expect, test } from "vitest";
import { tensor } from "./index.ts";
import { late } from "./late.ts";
import { liveTensors, scope } from "./scope.ts";

afterAll(() => expect(liveTensors().live).toBe(0));

test("numbers are read after their tensors' scope, once, and nothing is held then", () => {
  let asked = 0;
  const sum = scope(() =>
    late([tensor([1, 2, 3]), tensor([4])], (row, more) => {
      asked += 1;
      return row!.sum().add(more!).item();
    }),
  );
  expect(liveTensors().live).toBe(2);
  expect([sum.read(), sum.read(), asked]).toEqual([10, 10, 1]);
  expect(liveTensors().live).toBe(0);
});

test("nothing is held when what is made of them is refused", () => {
  const refused = scope(() => late([tensor([1, 2])], (row) => row!.item()));
  expect(() => refused.read()).toThrow(/one element/);
  expect(liveTensors().live).toBe(0);
});

test("nothing is recorded of them", () => {
  const found = scope(() => {
    const leaf = tensor([2]).requiresGrad_();
    return late([leaf.mul(3)], (product) => [product!.requiresGrad, product!.mul(2).requiresGrad]);
  });
  expect(found.read()).toEqual([false, false]);
});
