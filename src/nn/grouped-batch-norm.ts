// Batch norm whose batch is cut into groups, each normalised by itself.  N images, G groups, C channels
import { cat, noGrad, op, scope, stack, type Tensor } from "../torch/index.ts";

/** What a batch norm has; `mean` and `variance` are moved once, by the mean over the groups: as many devices would each move. */
export interface NormParts {
  weight: Tensor | null; // [C]
  bias: Tensor | null; // [C]
  mean: Tensor; // [C]
  variance: Tensor; // [C]
}

/**
 * Groups of `sizes` images, in order, as a device does them soonest. On a processor one after the other, as a group stays in its cache
 * (docs/performance.md has the figures). On a GPU, where each call has its price, side by side, if they are equal.
 */
export function normalizedInGroups(input: Tensor, parts: NormParts, sizes: readonly number[]): Tensor {
  const areEqual = sizes.every((size) => size === sizes[0]);
  return input.device !== "cpu" && areEqual ? sideBySide(input, parts, sizes) : oneByOne(input, parts, sizes);
}

export function oneByOne(input: Tensor, { weight, bias, ...running }: NormParts, sizes: readonly number[]): Tensor {
  return scope(() => {
    const groups = op.split_with_sizes(input, sizes).map((group) => {
      const [mean, variance] = noGrad(() => [running.mean.clone(), running.variance.clone()] as const);
      return { mean, variance, output: normalized(group, { weight, bias, mean, variance }) };
    });
    move(running.mean, stack(groups.map(({ mean }) => mean)));
    move(running.variance, stack(groups.map(({ variance }) => variance)));
    return cat(groups.map(({ output }) => output));
  });
}

/** In one operation: [N, C, ...] as [N/G, G C, ...], the channels of a group beside those of the next. */
export function sideBySide(input: Tensor, { weight, bias, ...running }: NormParts, sizes: readonly number[]): Tensor {
  const repeated = (perChannel: Tensor) => cat(sizes.map(() => perChannel)); // [G C]
  return scope(() => {
    const [mean, variance] = noGrad(() => [repeated(running.mean), repeated(running.variance)] as const);
    const together = cat(op.split_with_sizes(input, sizes), 1); // [N/G, G C, ...]
    const learned = { weight: weight && repeated(weight), bias: bias && repeated(bias) };
    const output = normalized(together, { ...learned, mean, variance });
    move(running.mean, mean.reshape(sizes.length, -1));
    move(running.variance, variance.reshape(sizes.length, -1));
    const channels = sizes.map(() => input.size(1));
    return cat(op.split_with_sizes(output, channels, 1)); // [N, C, ...]
  });
}

/** `moved`: [G, C] */
const move = (running: Tensor, moved: Tensor): void => noGrad(() => void running.copy_(moved.mean({ dim: 0 })));

const normalized = (input: Tensor, { weight, bias, mean, variance }: NormParts): Tensor =>
  op.batch_norm(input, weight, bias, mean, variance, true, 0.1, 1e-5, true);
