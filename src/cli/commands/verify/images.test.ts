import { expect, test } from "vitest";
import { scope } from "../../../torch/index.ts";
import { fromStored, readSafetensors } from "../../../weights/index.ts";
import { imageOperation } from "./images.ts";

const { tensors } = readSafetensors(
  new URL("../../../../test/reference/image_ops.safetensors", import.meta.url).pathname,
);
const outputs = [...tensors.keys()].filter((name) => !name.startsWith("image"));

test("all reference operations are there", () => {
  expect(outputs).toHaveLength(18);
});

test.each(outputs)("%s is within 1e-4 of torchvision's", (name) => {
  scope(() => {
    const expected = fromStored(tensors.get(name)!);
    const computed = imageOperation(name, fromStored(tensors.get("image")!))!;
    expect(computed.shape).toEqual(expected.shape);
    expect(computed.sub(expected).norm().item() / expected.norm().item()).toBeLessThan(1e-4);
  });
});

test("a name that is not known is no operation", () => {
  scope(() => expect(imageOperation("sharpen_2", fromStored(tensors.get("image")!))).toBeUndefined());
});
