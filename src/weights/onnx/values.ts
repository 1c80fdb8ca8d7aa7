import { CallError } from "../../errors.ts";
import { scope } from "../../torch/index.ts";
import { fromStored, type StoredTensors } from "../formats/safetensors.ts";

/** What a network has learned, by torchvision's or timm's names. */
export interface NetworkValues {
  has(name: string): boolean;
  /** In float32. Errors: a CallError for a name that there is not. */
  get(name: string): { shape: readonly number[]; values: Float32Array };
}

export const networkValues = (tensors: StoredTensors["tensors"]): NetworkValues => ({
  has: (name) => tensors.has(name),
  get(name) {
    const found = tensors.get(name);
    if (!found) throw new CallError(`onnx: no tensor ${name}; the network's own names are needed`);
    const values = scope(() => fromStored(found).to("float32").data() as Float32Array);
    return { shape: found.shape, values };
  },
});
