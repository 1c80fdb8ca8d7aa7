// Rows of several classes each, from a keyed stream: bench/svm-reference.mjs and the tests make the same ones.
import { keyedStream } from "../src/random.ts";

/** N rows around the sum of their classes' centres; about one label in twenty is difficult (-1). */
export function multiLabelRows({ length, seed }: { length: number; seed: number }) {
  const [dimensions, classes] = [24, 4];
  const centre = keyedStream(7, 1);
  const centres = Float64Array.from({ length: classes * dimensions }, () => 2 * centre() - 1); // [C, D]
  const random = keyedStream(seed, 2);
  const labels = Int8Array.from({ length: length * classes }, () => {
    const draw = random();
    return draw < 0.25 ? 1 : draw < 0.3 ? -1 : 0;
  });
  const values = Float32Array.from({ length: length * dimensions }, (_, i) => {
    const [row, feature] = [Math.floor(i / dimensions), i % dimensions];
    const shown = [...labels.subarray(row * classes, (row + 1) * classes)];
    const sum = shown.reduce(
      (total, label, own) => total + (label === 1 ? centres[own * dimensions + feature]! : 0),
      0,
    );
    return sum + 3 * (2 * random() - 1);
  });
  const names = Array.from({ length: classes }, (_, i) => `class ${i}`);
  return { values, length, dimensions, labels, names, dataset: "rows" };
}
