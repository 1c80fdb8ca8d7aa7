// n pairs of figures

/** Places from 1 in order of size; equal values share the mean of theirs. */
export function ranks(values: readonly number[]): number[] {
  return values.map((own) => {
    const smaller = values.filter((other) => other < own).length;
    const equal = values.filter((other) => other === own).length;
    return smaller + (equal + 1) / 2;
  });
}

/** Pearson's correlation; NaN where one side does not vary. */
export function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, own) => sum + own, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const product = (a: readonly number[], ma: number, b: readonly number[], mb: number) =>
    a.reduce((sum, own, i) => sum + (own - ma) * (b[i]! - mb), 0);
  return product(x, mx, y, my) / Math.sqrt(product(x, mx, x, mx) * product(y, my, y, my));
}

/** Spearman's ρ: the correlation of the ranks. */
export const spearman = (x: readonly number[], y: readonly number[]): number => correlation(ranks(x), ranks(y));

/** Kendall's τ-b: (concordant - discordant) / √((pairs that differ in x) (pairs that differ in y)). */
export function kendall(x: readonly number[], y: readonly number[]): number {
  let [agreement, inX, inY] = [0, 0, 0];
  for (let i = 1; i < x.length; i++)
    for (let j = 0; j < i; j++) {
      const [dx, dy] = [Math.sign(x[i]! - x[j]!), Math.sign(y[i]! - y[j]!)];
      agreement += dx * dy;
      inX += dx * dx;
      inY += dy * dy;
    }
  return agreement / Math.sqrt(inX * inY);
}
