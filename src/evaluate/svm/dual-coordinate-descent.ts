// N rows, D features
import { keyedPermutation } from "../../random.ts";

export interface SvmProblem {
  rows: Float32Array; // [N, D]
  dimensions: number;
  /** 1 and -1. */
  signs: Int8Array; // [N]
  /** C of the formula, above 0. */
  cost: number;
  /** What C is multiplied by for rows of sign 1 and of sign -1. Default 1 and 1. */
  weights?: { positive: number; negative: number };
  /** Stops where no projected partial derivative is further from another than this. Default 1e-4. */
  tolerance?: number;
  /** Passes over the rows, at most. Default 2,000. */
  mostPasses?: number;
  /** Of the order of the rows. Default 0. */
  seed?: number;
  /** Dual variables of a problem nearby, such as of the cost before: fewer passes to the same solution. Default 0. */
  start?: Float64Array; // [N]
}

export interface SvmSolution {
  /** D weights, and the bias behind them. */
  weights: Float64Array; // [D + 1]
  alphas: Float64Array; // [N]
  passes: number;
  /** False where `mostPasses` ended it. */
  isSettled: boolean;
}

const svmKey = 0x73766d;

/**
 * A linear support vector machine with squared hinge loss, in double precision: the w with the least
 * ½ ‖w‖² + Σ Cᵢ max(0, 1 − yᵢ w·(xᵢ, 1))²; the bias is the weight of a feature that is always 1, and is penalised as the others are.
 *
 * Solved in the dual, one αᵢ ≥ 0 at a time in a keyed order, w = Σ αᵢ yᵢ xᵢ kept beside, rows that stay at 0 set aside (Hsieh et al.
 * 2008, algorithm 3, as LIBLINEAR has it): G = yᵢ w·xᵢ − 1 + αᵢ / (2 Cᵢ), αᵢ ← max(αᵢ − G / (‖xᵢ‖² + 1 / (2 Cᵢ)), 0).
 */
export function linearSvm(problem: SvmProblem): SvmSolution {
  const { signs, tolerance = 1e-4, mostPasses = 2000, seed = 0 } = problem;
  const descent = new Descent(problem);
  const all = signs.length;
  let active = Uint32Array.from(signs, (_, row) => row);
  let aside = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < mostPasses; pass++) {
    const order = keyedPermutation(active.length, seed, svmKey, pass);
    const { kept, most, least } = descent.pass(active, order, aside);
    active = kept;
    if (most - least > tolerance) aside = most <= 0 ? Number.POSITIVE_INFINITY : most;
    else if (active.length === all) return descent.solution(pass + 1, true);
    else {
      active = Uint32Array.from(signs, (_, row) => row); // those set aside are asked once more
      aside = Number.POSITIVE_INFINITY;
    }
  }
  return descent.solution(mostPasses, false);
}

/** αs, w, and what a pass needs of each row. */
class Descent {
  readonly #weights: Float64Array; // [D + 1]
  readonly #alphas: Float64Array; // [N]
  readonly #softness: Float64Array; // [N], 1 / (2 Cᵢ)
  readonly #squares: Float64Array; // [N], ‖(xᵢ, 1)‖²
  readonly #rows: Float32Array;
  readonly #signs: Int8Array;
  readonly #dimensions: number;

  constructor({ rows, dimensions, signs, cost, start, weights = { positive: 1, negative: 1 } }: SvmProblem) {
    this.#rows = rows;
    this.#signs = signs;
    this.#dimensions = dimensions;
    this.#weights = new Float64Array(dimensions + 1);
    this.#alphas = new Float64Array(signs.length);
    this.#softness = Float64Array.from(
      signs,
      (sign) => 0.5 / (cost * (sign > 0 ? weights.positive : weights.negative)),
    );
    this.#squares = Float64Array.from(signs, (_, row) => 1 + this.#square(row));
    start?.forEach((alpha, row) => {
      if (alpha > 0) this.#set(row, alpha);
    });
  }

  solution(passes: number, isSettled: boolean): SvmSolution {
    return { weights: this.#weights, alphas: this.#alphas, passes, isSettled };
  }

  #square(row: number): number {
    let sum = 0;
    for (let at = row * this.#dimensions, end = at + this.#dimensions; at < end; at++) sum += this.#rows[at]! ** 2;
    return sum;
  }

  /** Visits the active rows in an order. Rows at 0 whose derivative is above `aside` are not kept. */
  pass(active: Uint32Array, order: Uint32Array, aside: number) {
    let [most, least, count] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
    const kept = new Uint32Array(active.length);
    for (const turn of order) {
      const row = active[turn]!;
      const slope = this.#slope(row);
      const isAtZero = this.#alphas[row] === 0;
      if (isAtZero && slope > aside) continue;
      kept[count++] = row;
      const projected = isAtZero ? Math.min(slope, 0) : slope;
      most = Math.max(most, projected);
      least = Math.min(least, projected);
      if (Math.abs(projected) > 1e-12) this.#move(row, slope);
    }
    return { kept: kept.subarray(0, count), most, least };
  }

  /** yᵢ w·xᵢ − 1 + αᵢ / (2 Cᵢ) */
  #slope(row: number): number {
    return this.#signs[row]! * this.#decision(row) - 1 + this.#softness[row]! * this.#alphas[row]!;
  }

  /** w·(xᵢ, 1) */
  #decision(row: number): number {
    const D = this.#dimensions;
    const start = row * D;
    let sum = this.#weights[D]!;
    for (let i = 0; i < D; i++) sum += this.#weights[i]! * this.#rows[start + i]!;
    return sum;
  }

  #move(row: number, slope: number): void {
    const before = this.#alphas[row]!;
    this.#set(row, Math.max(before - slope / (this.#squares[row]! + this.#softness[row]!), 0));
  }

  /** Gives a row another α, and w its part of it. */
  #set(row: number, after: number): void {
    const change = (after - this.#alphas[row]!) * this.#signs[row]!;
    this.#alphas[row] = after;
    const D = this.#dimensions;
    const start = row * D;
    for (let i = 0; i < D; i++) this.#weights[i]! += change * this.#rows[start + i]!;
    this.#weights[D]! += change;
  }
}

/** w·(x, 1) of each row: [N]. */
export function decisionValues(rows: Float32Array, weights: Float64Array): Float64Array {
  const D = weights.length - 1;
  return Float64Array.from({ length: rows.length / D }, (_, row) => {
    let sum = weights[D]!;
    for (let i = 0; i < D; i++) sum += weights[i]! * rows[row * D + i]!;
    return sum;
  });
}
