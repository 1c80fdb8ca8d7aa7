// N images, D features
import { z } from "zod";
import { autocast, noGrad, type Tensor } from "../torch/index.ts";

/** Widths of a projector's layers, written `2048-2048-2048`. */
export const projectorWidths = z
  .string()
  .regex(/^[1-9]\d{0,5}(-[1-9]\d{0,5}){0,7}$/, "widths of 1 to 8 layers joined by -, such as 2048-2048-2048");

/** `2048-2048` as [2048, 2048]. */
export const widthsOf = (text: string): number[] => text.split("-").map(Number);

/** Runs `body` on the tensors as float32, with autocast off: losses and statistics lose too much in shorter types. */
export function inFloat32<T>(tensors: readonly Tensor[], body: (...wide: Tensor[]) => T): T {
  const device = tensors[0]!.device.split(":")[0]!;
  const wide = tensors.map((tensor) => tensor.to("float32"));
  return autocast({ dtype: "float32", device }, () => body(...wide));
}

/**
 * A scalar with gradients that were computed by hand: its value is `value`, its derivative by each tensor the one given.
 * It is the linear function Σ (tensor · gradient), shifted to the value; so it serves for one backward pass, as a loss does.
 */
export function withGradients(
  value: Tensor,
  ...pairs: readonly (readonly [tensor: Tensor, gradient: Tensor])[]
): Tensor {
  const linear = pairs.map(([tensor, gradient]) => tensor.mul(gradient).sum()).reduce((sum, term) => sum.add(term));
  return linear.add(noGrad(() => value.sub(linear.detach()))); // []
}
