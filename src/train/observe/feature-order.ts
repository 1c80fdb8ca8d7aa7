// F features.  An order in which features that say alike stand together, so that a matrix of their correlations shows its groups.

/** Share of what earlier features of a chain say that counts for the next one: a group is left when it is used up. */
const memory = 0.8;

/**
 * Places of the features in a chain: it begins with the feature that shares most with all others, and each next one shares most with
 * those before it, the last ones most of all. Of correlations [F, F], row by row; their signs do not count. The same correlations give
 * the same order; equally good features follow by their number. F² operations.
 */
export function chainedOrder(correlations: Float32Array, features: number): number[] {
  const shared = correlations.map((value) => (Number.isFinite(value) ? value * value : 0)); // [F, F]
  const affinity = new Float64Array(features); // of each feature with the chain so far
  const isTaken = new Uint8Array(features);
  const order: number[] = [];
  for (let next = mostShared(shared, features); order.length < features; next = largest(affinity, isTaken)) {
    order.push(next);
    isTaken[next] = 1;
    for (let j = 0; j < features; j++) affinity[j] = memory * affinity[j]! + shared[next * features + j]!;
  }
  return order;
}

function mostShared(shared: Float32Array, features: number): number {
  const sums = new Float64Array(features);
  for (let i = 0; i < features; i++) for (let j = 0; j < features; j++) sums[i]! += shared[i * features + j]!;
  return largest(sums, new Uint8Array(features));
}

function largest(values: Float64Array, isTaken: Uint8Array): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) if (!isTaken[i] && (best < 0 || values[i]! > values[best]!)) best = i;
  return best;
}

/** Where bin b of `bins` begins among `count` places in order. */
export const binStart = (bin: number, bins: number, count: number): number => Math.floor((bin * count) / bins);

/** At most `most` of the features, evenly chosen. */
export const chosenFeatures = (dimensions: number, most: number): number[] =>
  dimensions <= most
    ? Array.from({ length: dimensions }, (_, i) => i)
    : Array.from({ length: most }, (_, i) => Math.floor((i * dimensions) / most));
