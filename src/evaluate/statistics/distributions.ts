// Distribution functions in double precision: normal, beta, Student's t and binomial. Formulas by number: NIST's Digital Library of
// Mathematical Functions (dlmf.nist.gov).

/** ln Γ(x), x > 0: Stirling's series (5.11.1) from 10 on, below by Γ(x) = Γ(x + n) / (x (x + 1) …); relative error below 1e-14. */
export function logGamma(x: number): number {
  let [shifted, product] = [x, 1];
  for (; shifted < 10; shifted += 1) product *= shifted;
  const inverse = 1 / (shifted * shifted);
  const series =
    (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / shifted;
  return (shifted - 0.5) * Math.log(shifted) - shifted + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product);
}

/** The share of a beta distribution (a, b) below x: I_x(a, b), by its continued fraction (8.17.22) after Lentz. */
export function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a);
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b));
  return front / (a * betaFraction(x, a, b));
}

const tiny = 1e-300;
const awayFromZero = (value: number): number => (Math.abs(value) < tiny ? tiny : value);

/** 1 + d₁/(1 + d₂/(1 + …)). */
function betaFraction(x: number, a: number, b: number): number {
  let [value, c, d] = [1, 1, 0];
  for (let term = 1; term < 1000; term++) {
    const m = Math.floor(term / 2);
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    const own = term % 2 === 0 ? even : odd;
    d = 1 / awayFromZero(1 + own * d);
    c = awayFromZero(1 + own / c);
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return value;
}

/** Φ(z), the share of a standard normal distribution below z: half of a χ² of one degree of freedom by its series (7.6.1) and fraction (7.9.1). */
export function normalShare(z: number): number {
  const x = Math.abs(z);
  if (x > 38) return z < 0 ? 0 : 1; // below the least double
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x > 3) {
    let fraction = x;
    for (let term = 200; term > 0; term--) fraction = x + term / fraction;
    return z < 0 ? density / fraction : 1 - density / fraction;
  }
  let [sum, term] = [x, x];
  for (let n = 1; n < 100; n++) {
    term *= (x * x) / (2 * n + 1);
    sum += term;
  }
  return z < 0 ? 0.5 - density * sum : 0.5 + density * sum;
}

/** z with Φ(z) = share, 0 < share < 1. */
export const normalQuantile = (share: number): number => inverse(normalShare, share, -40, 40);

/** Share of Student's t distribution below t. */
export function studentShare(t: number, degrees: number): number {
  const tail = regularizedBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  return t < 0 ? tail : 1 - tail;
}

export const studentQuantile = (share: number, degrees: number): number =>
  inverse((t) => studentShare(t, degrees), share, -1e7, 1e7);

/** P(X ≤ k) of n trials with chance p: I_{1 - p}(n - k, k + 1) (8.17.5). */
export const binomialShare = (k: number, n: number, p: number): number =>
  k >= n ? 1 : regularizedBeta(1 - p, n - k, k + 1);

/** Where an increasing function reaches a value, by halving: exact to the last place of a double. */
function inverse(increasing: (x: number) => number, value: number, low: number, high: number): number {
  let [below, above] = [low, high];
  for (let halving = 0; halving < 200; halving++) {
    const middle = (below + above) / 2;
    if (middle === below || middle === above) break;
    if (increasing(middle) < value) below = middle;
    else above = middle;
  }
  return (below + above) / 2;
}
