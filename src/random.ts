// Keyed randomness: every number is a function of its key (seed, epoch, sample, view, ...) and of its place in that key's
// stream, never of batch size, worker count or what was drawn before. So a resumed run draws what the unbroken one drew.

/** A 32-bit mixing step with full avalanche (the multipliers of the "lowbias32" search, public domain). */
export function mix32(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Folds a key of whole numbers (each below 2^53) into 32 bits; the order of the parts matters. */
export function foldKey(seed: number, ...key: number[]): number {
  let state = 0x9e3779b9;
  for (const part of [seed, ...key]) {
    state = mix32(state ^ mix32(part >>> 0));
    state = mix32((state + Math.floor(part / 0x100000000)) >>> 0);
  }
  return state;
}

/** A stream of uniform numbers in [0, 1), 32 bits each, that depends on its key alone. */
export function keyedStream(seed: number, ...key: number[]): () => number {
  const low = foldKey(seed, ...key);
  const high = foldKey(seed, ...key, 1);
  let counter = 0;
  return () => {
    counter = (counter + 1) >>> 0;
    return mix32((mix32((low + Math.imul(counter, 0x9e3779b9)) >>> 0) ^ high) >>> 0) / 0x100000000;
  };
}

/** A shuffled 0...length-1 (Fisher-Yates over a keyed stream). */
export function keyedPermutation(length: number, seed: number, ...key: number[]): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const next = keyedStream(seed, ...key);
  for (let last = length - 1; last > 0; last--) {
    const chosen = Math.floor(next() * (last + 1));
    [order[last], order[chosen]] = [order[chosen]!, order[last]!];
  }
  return order;
}
