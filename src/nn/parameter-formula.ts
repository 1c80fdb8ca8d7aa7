// The parameters of the reference cases: a formula in place of stored weights.
import { mix32 } from "../random.ts";
import { noGrad, scope, type Tensor, tensor } from "../torch/index.ts";
import { type Network, namedParameters } from "./module.ts";

/**
 * Fills parameter number n, flat index i, from u = mix32(i + 7919 n) / 2³²: weights of more than one dimension
 * (2u − 1) √(6 / fan-in), norm weights 1 + 0.1 (2u − 1), biases 0.1 (2u − 1); computed in float64.
 */
export function loadParameterFormula(network: Network): void {
  let number = 0;
  for (const [name, parameter] of namedParameters(network)) fill(parameter, name, number++);
}

function fill(parameter: Tensor, name: string, number: number): void {
  const { shape, numel } = parameter;
  const isMatrix = shape.length > 1;
  const scale = isMatrix ? Math.sqrt((6 * shape[0]!) / numel) : 0.1;
  const centre = !isMatrix && !name.endsWith("bias") ? 1 : 0;
  const values = Float32Array.from(
    { length: numel },
    (_, i) => centre + scale * (2 * (mix32(i + 7919 * number) / 0x100000000) - 1),
  );
  scope(() => noGrad(() => parameter.copy_(tensor(values, shape))));
}
