// What the members of a gradient sum compute, and the test with them.  D features of each of four layers, N rows
import { type Tensor, tensor } from "../src/torch/index.ts";

const features = 5;

/** One that no loss reads [D], four layers [D, D], one whose gradient every process has whole [D]. */
export const layersOf = (): Tensor[] =>
  [[features], ...Array(4).fill([features, features]), [features]].map((shape, i) => values(shape, i).requiresGrad_());

function values(shape: number[], key: number): Tensor {
  const count = shape.reduce((product, side) => product * side, 1);
  return tensor(
    Float32Array.from({ length: count }, (_, i) => Math.sin(1 + 3 * i + 11 * key)),
    shape,
  );
}

/** The loss of one process's rows. */
export function lossOf(layers: readonly Tensor[], rank: number): Tensor {
  const [, a, b, c, d, whole] = layers;
  const rows = values([3, features], 20 + rank);
  const ends = [a!, b!, c!, d!].reduce((row, layer) => row.matmul(layer).relu(), rows);
  return ends.square().sum().add(whole!.square().sum());
}

/** Empty where there is none. */
export const gradientsOf = (layers: readonly Tensor[]): number[][] =>
  layers.map(({ grad }) => (grad ? [...(grad.contiguous().data() as Float32Array)] : []));
