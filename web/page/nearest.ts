// N pictures, D features. Which pictures are alike, and which class each is nearest to; all in the browser.

export interface Found {
  row: number;
  /** Cosine, -1 to 1. */
  similarity: number;
}

/** A vector of length 1 in the same direction; zeros stay zeros. */
export function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** Row `row` of features [N, D]. */
export const rowOf = (features: Float32Array, dimensions: number, row: number): Float32Array =>
  features.subarray(row * dimensions, (row + 1) * dimensions);

/** The `count` rows of unit features [N, D] that are most like a unit vector, the most alike first. */
export function nearest(query: Float32Array, features: Float32Array, count: number): Found[] {
  const rows = features.length / query.length;
  const found = Array.from({ length: rows }, (_, row) => ({
    row,
    similarity: dot(query, rowOf(features, query.length, row)),
  }));
  return found.sort((a, b) => b.similarity - a.similarity || a.row - b.row).slice(0, count);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** A class by the directions of its named pictures. */
export interface NamedClass {
  name: string;
  /** Unit, [D]. */
  centre: Float32Array;
}

/** The mean direction of each class's rows; classes without any are left out. */
export function classesOf(
  named: ReadonlyMap<number, string>,
  features: Float32Array,
  dimensions: number,
): NamedClass[] {
  const sums = new Map<string, Float32Array>();
  for (const [row, name] of named) {
    const sum = sums.get(name) ?? new Float32Array(dimensions);
    rowOf(features, dimensions, row).forEach((value, i) => {
      sum[i]! += value;
    });
    sums.set(name, sum);
  }
  return Array.from(sums, ([name, sum]) => ({ name, centre: unit(sum) }));
}

/** The class whose centre is nearest, and by how much it is nearer than the next; undefined without classes. */
export function classified(vector: Float32Array, classes: readonly NamedClass[]) {
  const ranked = classes
    .map(({ name, centre }) => ({ name, similarity: dot(vector, centre) }))
    .sort((a, b) => b.similarity - a.similarity);
  const [first, second] = ranked;
  return first && { name: first.name, margin: first.similarity - (second?.similarity ?? 0) };
}
