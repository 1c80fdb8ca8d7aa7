import { expect, test } from "vitest";
import { manualSeed, product, randn, scope, type Tensor } from "./index.ts";

/** ‖difference‖ / ‖reference‖ against the same product in float64. */
function relativeError(x: Tensor, w: Tensor, addend?: Tensor): number {
  const [wideX, wideW] = [x.to("float64"), w.to("float64")];
  const exact = wideX.matmul(wideW.T);
  const expected = addend ? exact.add(addend.to("float64")) : exact;
  return product(x, w, addend).to("float64").sub(expected).norm().item() / expected.norm().item();
}

test.each([
  [2, 3, 1],
  [64, 300, 50],
  [129, 17, 257],
])("x wᵀ + addend of %i x %i and %i rows equals float64", (rows, columns, others) => {
  manualSeed(1);
  scope(() => {
    const [x, w, addend] = [randn([rows, columns]), randn([others, columns]), randn([rows, others])];
    expect(relativeError(x, w)).toBeLessThan(2e-6);
    expect(relativeError(x, w, addend)).toBeLessThan(2e-6);
    const [xT, wT] = [randn([columns, rows]).T, randn([columns, others]).T];
    expect(relativeError(xT, wT, addend)).toBeLessThan(2e-6);
  });
});

test("other types are multiplied too, the addend stays as it is, and no gradient is recorded", () => {
  manualSeed(2);
  scope(() => {
    const [x, w] = [randn([3, 6]).to("float64"), randn([4, 6]).to("float64")];
    expect(relativeError(x, w)).toBeLessThan(1e-15);
    const [sum, before] = [x.matmul(x.T), x.matmul(x.T)];
    for (const dtype of ["float32", "float64"] as const) product(x.to(dtype), x.to(dtype), sum.to(dtype));
    expect(sum.sub(before).abs().amax().item()).toBe(0);
    expect(product(randn([2, 3]).requiresGrad_(), randn([2, 3])).requiresGrad).toBe(false);
  });
});
