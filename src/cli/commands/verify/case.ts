// What every reference case is made of.
import { type Network, namedParameters } from "../../../nn/index.ts";
import type { Tensor } from "../../../torch/index.ts";

/** A case as it lies in the file. */
export interface Case {
  metadata: Record<string, string>;
  /** Where it is computed. */
  device: string;
  /** A stored tensor, by name, on the device. */
  get(name: string): Tensor;
  names: readonly string[];
}

/** How far what was computed is from what was stored, and how far it may be. */
export interface Comparison {
  name: string;
  error: number;
  tolerance: number;
}

export type Operation = (reference: Case) => Comparison[];

/** Tolerance in float32 on the CPU; looser where a float64 run differs from the stored values by as much. */
export const strict = 1e-4;

/** ‖computed − stored‖ / ‖stored‖ */
function relativeError(computed: Tensor, storedValue: Tensor): number {
  const [a, b] = [computed, storedValue].map((value) => value.toDevice("cpu").to("float64")) as [Tensor, Tensor];
  const scale = b.norm().item();
  const distance = a
    .reshape(...b.shape)
    .sub(b)
    .norm()
    .item();
  return scale === 0 ? distance : distance / scale;
}

export const compare = (reference: Case, name: string, computed: Tensor, tolerance = strict): Comparison => ({
  name,
  error: relativeError(computed, reference.get(name)),
  tolerance,
});

/** The numbers of a stored tensor. */
export const valuesOf = (reference: Case, name: string) => reference.get(name).toDevice("cpu").data();

export const numberOf = ({ metadata }: Case, key: string): number => Number(metadata[key]);

/** The gradients that a network holds, by the norms that the case's metadata list. */
export function gradientNorms({ metadata }: Case, network: Network): Comparison[] {
  const parameters = namedParameters(network);
  const expected = Object.entries(JSON.parse(metadata.gradient_norms ?? "{}") as Record<string, number>);
  return expected.map(([name, norm]) => {
    const gradient = parameters.get(name)?.grad;
    return { name, error: gradient ? Math.abs(gradient.norm().item() / norm - 1) : Number.NaN, tolerance: 1e-2 };
  });
}
