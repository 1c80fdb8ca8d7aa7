// N unlabelled pictures, D features, C classes
import type { FeatureTable } from "../../evaluate/index.ts";

/**
 * The pictures whose labels would teach most, one after the other: each time the one with the largest doubt x newness, where doubt is
 * 1 - (confidence in the best class - in the second), and newness 1 - the largest cosine with those chosen before. So ten that are alike
 * are not asked for. `rows` are the candidates' rows in the table.
 */
export function mostInstructive(
  table: FeatureTable,
  rows: readonly number[],
  doubts: readonly number[],
  count: number,
): number[] {
  const newness = rows.map(() => 1);
  const chosen: number[] = [];
  while (chosen.length < Math.min(count, rows.length)) {
    let best = -1;
    for (let i = 0; i < rows.length; i++)
      if (!chosen.includes(i) && (best < 0 || doubts[i]! * newness[i]! > doubts[best]! * newness[best]!)) best = i;
    chosen.push(best);
    for (const [i, row] of rows.entries()) newness[i] = Math.min(newness[i]!, 1 - cosine(table, row, rows[best]!));
  }
  return chosen;
}

function cosine({ values, dimensions }: FeatureTable, a: number, b: number): number {
  let [dot, lengthA, lengthB] = [0, 0, 0];
  for (let d = 0; d < dimensions; d++) {
    const [x, y] = [values[a * dimensions + d]!, values[b * dimensions + d]!];
    dot += x * y;
    lengthA += x * x;
    lengthB += y * y;
  }
  return dot / Math.max(Math.sqrt(lengthA * lengthB), 1e-12);
}
