import { afterEach, expect, test } from "vitest";
import { SelfsightError } from "../errors.ts";
import { addon } from "./addon.ts";
import {
  arange,
  autocast,
  backward,
  borrow,
  cat,
  empty,
  engine,
  eye,
  full,
  gradients,
  liveTensors,
  loadLibrary,
  manualSeed,
  noGrad,
  ones,
  op,
  rand,
  randn,
  randomState,
  scope,
  setRandomState,
  stack,
  type Tensor,
  tensor,
  threads,
  where,
  zeros,
} from "./index.ts";
import { findOperators, isSupported } from "./operators.ts";
import { newerSchemas, schemas } from "./schemas.ts";

afterEach(() => expect(liveTensors().live).toBe(0));

/** Runs a test's body in a scope, so that the count after it must be zero. */
const scoped = (name: string, body: () => void) => test(name, () => scope(body));
const numbers = (value: Tensor): number[] => Array.from(value.data(), Number);

scoped("typed arrays go in and come out unchanged", () => {
  const arrays = [
    Uint8Array.of(0, 255),
    Int8Array.of(-128, 127),
    Int16Array.of(-32768, 5),
    Int32Array.of(-(2 ** 31), 7),
    BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n),
    Float32Array.of(-0, Number.NaN, 1e-40),
    Float64Array.of(Math.PI, Number.NEGATIVE_INFINITY),
  ];
  for (const array of arrays) expect(tensor(array).data()).toEqual(array);
  expect(tensor([1, 2, 3, 4, 5, 6], [2, 3]).shape).toEqual([2, 3]);
  expect(tensor(new Float32Array(0), [0, 3]).data()).toEqual(new Float32Array(0));
});

scoped("short floats are read as float32, bools as bytes", () => {
  expect(numbers(tensor([1.5, -2]).to("bfloat16"))).toEqual([1.5, -2]);
  expect(numbers(tensor([1.5, -2]).to("float16"))).toEqual([1.5, -2]);
  expect(tensor([1, -1]).gt(0).data()).toEqual(Uint8Array.of(1, 0));
  expect(tensor([1, -1]).gt(0).dtype).toBe("bool");
});

scoped("shared memory can be copied and borrowed", () => {
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared.set([3, 4]);
  expect(numbers(tensor(shared))).toEqual([3, 4]);
  expect(numbers(borrow(shared, [2]).mul_(2))).toEqual([6, 8]);
  expect([...shared]).toEqual([6, 8]);
});

scoped("tensors made by name hold what the name says", () => {
  expect(numbers(zeros([2]))).toEqual([0, 0]);
  expect(numbers(ones([2], { dtype: "int64" }))).toEqual([1, 1]);
  expect(numbers(full([2], 2.5))).toEqual([2.5, 2.5]);
  expect(numbers(eye(2))).toEqual([1, 0, 0, 1]);
  expect(numbers(arange(3))).toEqual([0, 1, 2]);
  expect(empty([2, 0]).shape).toEqual([2, 0]);
  expect(zeros([]).shape).toEqual([]);
  expect(numbers(cat([ones([1]), zeros([1])]))).toEqual([1, 0]);
  expect(stack([ones([2]), zeros([2])]).shape).toEqual([2, 2]);
  expect(numbers(where(tensor([1, 0]).gt(0), full([2], 5), full([2], 7)))).toEqual([5, 7]);
});

scoped("whole numbers keep integer tensors integer", () => {
  const whole = arange(3, { dtype: "int64" });
  expect(whole.add(1).dtype).toBe("int64");
  expect(whole.mul(0.5).dtype).toBe("float32");
});

// ---- misuse ----

const refusal = (body: () => unknown): SelfsightError => {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(SelfsightError);
    expect((error as SelfsightError).kind).not.toBe("bug"); // the caller's
    return error as SelfsightError;
  }
  throw new Error("nothing was refused");
};

scoped("wrong shapes, types and arguments are refused with operator and shapes", () => {
  const [a, b] = [ones([2, 3]), ones([4, 5])];
  const error = refusal(() => a.matmul(b));
  expect(error).toMatchObject({ kind: "configuration", exitCode: 2 });
  expect(error.message).toMatch(
    /^matmul\(float32\[2, 3\], float32\[4, 5\]\): .*; check the shapes, types and values that were given$/,
  );
  expect(refusal(() => a.add(b)).message).toMatch(/^add\(float32\[2, 3\], float32\[4, 5\]/);
  expect(refusal(() => a.reshape(7)).message).toMatch(/^reshape\(float32\[2, 3\], \[7\]\): .*invalid/);
  expect(refusal(() => a.reshape(1.5)).message).toContain("whole number");
  expect(refusal(() => a.indexSelect(0, tensor([9]).to("int64"))).message).toMatch(/^index_select\(/);
  expect(refusal(() => op.cat(null as never, 0)).message).toMatch(/^cat\(.*'tensors' must be an array of tensors/);
  expect(refusal(() => op.matmul(a, 3 as never)).message).toContain("not alive");
  expect(refusal(() => op.matmul(a, "b" as never)).message).toContain("'other' must be a tensor");
  expect(refusal(() => op.matmul(a, undefined as never)).message).toContain("'other' must be a tensor");
  expect(refusal(() => (op.relu as (...values: unknown[]) => unknown)(a, 1, 2)).message).toContain("more arguments");
  expect(refusal(() => a.to("complex64" as never)).message).toContain("no data type");
  expect(refusal(() => a.item()).message).toContain("one element");
  expect(refusal(() => zeros([-1])).message).toMatch(/^zeros\(/);
  expect(refusal(() => zeros([2], { device: "toaster" })).message).toMatch(/^zeros\(/);
  expect(refusal(() => a.matmul(b)).message).not.toMatch(/\n|Exception raised from|\.cpp/);
});

scoped("typed arrays that do not fit are refused", () => {
  expect(refusal(() => tensor(new Float32Array(3), [2, 2])).message).toContain("12 bytes, the sizes need 16");
  expect(refusal(() => tensor(new Float32Array(1), [2 ** 40, 2 ** 40])).message).toContain("overflow");
  expect(refusal(() => tensor(new Float32Array(2), [-2])).message).toContain("sizes");
  expect(refusal(() => tensor(new Uint16Array(2) as never)).message).toContain("Uint16Array");
  expect(
    refusal(() =>
      tensor([
        [1, 2],
        [3, 4],
      ] as never),
    ).message,
  ).toMatch(/^tensor: no list of numbers .*flat list/);
  expect(refusal(() => tensor(null as never)).message).toMatch(/^tensor: no list of numbers/);
  expect(refusal(() => tensor(new DataView(new ArrayBuffer(4)) as never, [4])).message).toContain("DataView");
  const detached = new Float32Array(4);
  structuredClone(detached, { transfer: [detached.buffer] });
  expect(refusal(() => tensor(detached, [4])).message).toContain("holds 0 bytes");
});

scoped("memory that could vanish under a tensor is not borrowed", () => {
  const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
  const values = new Float32Array(new Resizable(8, { maxByteLength: 16 }));
  expect(refusal(() => borrow(values, [2])).message).toContain("resized");
  const fixed = Float32Array.of(1, 2);
  const borrowed = borrow(fixed, [2]);
  try {
    structuredClone(fixed, { transfer: [fixed.buffer] });
  } catch {} // newer releases of Node refuse, older ones copy; either way the bytes stay
  expect(fixed.length).toBe(2);
  expect(numbers(borrowed)).toEqual([1, 2]);
});

scoped("more memory than there is becomes an error of kind memory", () => {
  expect(refusal(() => zeros([2 ** 50])).kind).toBe("memory");
});

test("a freed tensor is refused by its name, and freeing twice is harmless", () => {
  const gone = ones([2]);
  gone.free();
  gone.free();
  expect(gone.isAlive).toBe(false);
  expect(refusal(() => gone.add(1)).message).toMatch(
    /^add\(freed tensor, 1\): a tensor that is not alive .*; give one that is: return it from its scope/,
  );
  for (const use of [() => gone.shape, () => gone.data(), () => gone.grad, () => gone.clearGrad(), () => gone.lend()])
    expect(refusal(use).message).toContain("not alive");
  expect(refusal(() => gone.requiresGrad).message).toContain("not alive");
  expect(refusal(() => gone.backward()).message).toContain("not alive");
});

test("a place in the table that is used again does not revive the old handle", () => {
  const first = ones([1]);
  first.free();
  const second = full([1], 2);
  expect(second.handle % 2 ** 22).toBe(first.handle % 2 ** 22);
  expect(second.handle).not.toBe(first.handle);
  expect([first.isAlive, second.isAlive]).toEqual([false, true]);
  first.free();
  expect(second.item()).toBe(2);
  second.free();
});

test("numbers that were never handles are not alive", () => {
  for (const number of [0, 1, -1, 0.5, 2 ** 22, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
    expect(addon().isAlive(number)).toBe(false);
});

// ---- autograd ----

scoped("backward adds to the gradients of leaves", () => {
  const x = tensor([1, 2, 3]).requiresGrad_();
  x.square().sum().backward();
  expect(numbers(x.grad!)).toEqual([2, 4, 6]);
  x.sum().backward();
  expect(numbers(x.grad!)).toEqual([3, 5, 7]);
  x.clearGrad();
  expect(x.grad).toBeUndefined();
  x.mul(2).backward(tensor([1, 10, 100]));
  expect(numbers(x.grad!)).toEqual([2, 20, 200]);
  x.setGrad(tensor([7, 8, 9]));
  expect(numbers(x.grad!)).toEqual([7, 8, 9]);
  expect(refusal(() => x.setGrad(ones([2]))).message).toContain("shape");
});

scoped("one backward pass from several tensors", () => {
  const x = tensor([1, 2]).requiresGrad_();
  backward([x.mul(2), x.mul(3)], [ones([2]), full([2], 10)]);
  expect(numbers(x.grad!)).toEqual([32, 32]);
  expect(refusal(() => backward([x.mul(2)], [])).message).toMatch(/^backward\(/);
});

scoped("gradients of inputs leave .grad alone and say which were not used", () => {
  const [x, unused] = [tensor([3]).requiresGrad_(), tensor([1]).requiresGrad_()];
  const [gradient, none] = gradients([x.square()], [x, unused]);
  expect(gradient!.item()).toBe(6);
  expect(none).toBeUndefined();
  expect(x.grad).toBeUndefined();
});

scoped("a graph serves once, or again when it is retained", () => {
  const x = tensor([2]).requiresGrad_();
  const y = x.square();
  y.backward(undefined, { retainGraph: true });
  y.backward();
  expect(x.grad!.item()).toBe(8);
  expect(refusal(() => y.backward()).message).toContain("second time");
});

scoped("noGrad records nothing, and ends with its function or its error", () => {
  const x = ones([1]).requiresGrad_();
  expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
  expect(() =>
    noGrad(() => {
      throw new Error("stop");
    }),
  ).toThrow("stop");
  expect(x.mul(2).requiresGrad).toBe(true);
  expect(refusal(() => arange(2, { dtype: "int64" }).requiresGrad_()).message).toMatch(/^requiresGrad_\(/);
});

// ---- modes ----

scoped("autocast computes products in bfloat16, and ends with its function or its error", () => {
  const [a, b] = [randn([4, 4]), randn([4, 4])];
  expect(autocast({ dtype: "bfloat16" }, () => a.matmul(b)).dtype).toBe("bfloat16");
  expect(() =>
    autocast({ dtype: "bfloat16" }, () => {
      throw new Error("stop");
    }),
  ).toThrow("stop");
  expect(a.matmul(b).dtype).toBe("float32");
  const inner = () => autocast({ dtype: "float32" }, () => a.matmul(b));
  const [within, after] = autocast({ dtype: "bfloat16" }, () => [inner(), a.matmul(b)]);
  expect([within!.dtype, after!.dtype]).toEqual(["float32", "bfloat16"]);
  expect(refusal(() => autocast({ dtype: "bfloat16", device: "toaster" }, () => a)).message).toMatch(/^autocast\(/);
});

scoped("a weight that changed is cast again", () => {
  const [x, weight] = [ones([1, 1]), ones([1, 1]).requiresGrad_()];
  const product = () =>
    autocast({ dtype: "bfloat16" }, () => x.matmul(weight))
      .to("float32")
      .item();
  expect(product()).toBe(1);
  noGrad(() => weight.fill_(2));
  expect(product()).toBe(2);
});

scoped("the same random state gives the same numbers", () => {
  manualSeed(7);
  const state = randomState();
  const [first, second] = [numbers(randn([5])), numbers(rand([5]))];
  setRandomState(state);
  expect([numbers(randn([5])), numbers(rand([5]))]).toEqual([first, second]);
  manualSeed(7);
  expect(numbers(randn([5]))).toEqual(first);
  expect(refusal(() => setRandomState(new Uint8Array(3))).message).toMatch(/^setRandomState\(/);
  for (const seed of [-1, 0.5, Number.NaN]) expect(refusal(() => manualSeed(seed)).message).toContain("whole number");
});

test("the number of threads can be read and set", () => {
  const before = threads();
  expect(threads(2)).toBe(2);
  expect(threads(before)).toBe(before);
  for (const wrong of [0, -1, 1.5, Number.NaN, 1e9])
    expect(refusal(() => threads(wrong)).message).toMatch(/^threads\(/);
});

scoped("channels-last changes the memory, not the numbers", () => {
  const images = randn([2, 3, 4, 5]);
  const last = images.contiguous("channels_last");
  expect(numbers(last)).toEqual(numbers(images));
  expect(refusal(() => last.lend()).message).toContain("contiguous");
});

scoped("setData replaces contents and shape, the handle stays", () => {
  const kept = ones([2]);
  expect(kept.shape).toEqual([2]);
  kept.setData(zeros([3]));
  expect([kept.shape, numbers(kept)]).toEqual([[3], [0, 0, 0]]);
});

test("a library that does not open is refused with its path", () => {
  const error = refusal(() => loadLibrary("/nowhere/libnothing.so"));
  expect(error.kind).toBe("configuration");
  expect(error.message).toMatch(/^load library: \/nowhere\/libnothing\.so: .*needed; check the path/);
});

test("the engine knows what it was built for", () => {
  expect(engine().builtFor).toMatch(/^\d+\.\d+\.\d+/);
});

// ---- the list of operators ----

test("every line of the list is found in the loaded libtorch", () => {
  expect(findOperators(schemas, []).size).toBe(schemas.length);
  const isNew = Number(engine().builtFor.split(".")[0]) >= 2;
  if (isNew) expect(findOperators([], newerSchemas).size).toBe(newerSchemas.length);
  expect(isSupported("_fused_sgd_")).toBe(isNew);
});

test("a wrong line is named at the start", () => {
  const wrong = [
    "aten::relu(Tensor self, Tensor slope) -> Tensor",
    "aten::relux(Tensor self) -> Tensor",
    "aten::add.Tensor(Tensor self) -> Tensor",
  ];
  const { kind, message } = refusal(() => findOperators(wrong, []));
  expect(kind).toBe("configuration");
  expect(message).toContain("aten::relu has no argument 'slope'");
  expect(message).toContain("aten::relux");
  expect(message).toContain("aten::add.Tensor needs argument 'other', which our line leaves out");
  expect(findOperators([], wrong).size).toBe(0);
});

test("no line stands twice", () => {
  const names = [...schemas, ...newerSchemas].map((line) => line.slice(0, line.indexOf("(")));
  expect(new Set(names).size).toBe(names.length);
});
