// P pairs, S side of a square, T side of a template, K = S - T + 1 places along each side
import { noGrad, ones, op, scope, type Tensor, tensor } from "../../torch/index.ts";
import { squareBytes, squareSide } from "./squares.ts";

/** Rows of squares that are compared one with one: row i of `left` with row i of `right`. */
export interface SquarePairs {
  left: { squares: Uint8Array; rows: ArrayLike<number> };
  right: { squares: Uint8Array; rows: ArrayLike<number> };
}

/** How much of a picture a crop of it may keep along each side; 1 is the whole. */
const keptShares = [1, 0.95, 0.9, 0.85, 0.8];

/** In grey levels: what varies less shows nothing that could be recognised. */
const leastContrast = 2;

/** Pairs that are compared at once. */
const pairsAtOnce = 256;

/**
 * How well the pictures of each pair lie on one another, [P], from -1 to 1: the largest normalised correlation
 * Σ (a - ā)(b - b̄) / √(Σ (a - ā)² Σ (b - b̄)²)  over all colours, where the whole of one is laid on a part of the other that keeps at
 * least 80 % of each side, wherever in it, as it is and mirrored. 1 says: the same picture. About 1 ms a pair on one core.
 */
export function alignments({ left, right }: SquarePairs): Float32Array {
  const found = new Float32Array(left.rows.length);
  for (let start = 0; start < found.length; start += pairsAtOnce) {
    const end = Math.min(found.length, start + pairsAtOnce);
    const best = noGrad(() =>
      scope(() => {
        const [a, b] = [floats(left, start, end), floats(right, start, end)];
        const mirrored = b.flip(3);
        const tries = [contained(a, b), contained(b, a), contained(a, mirrored), contained(mirrored, a)];
        return tries.reduce((most, own) => most.maximum(own)).float32();
      }),
    );
    found.set(best, start);
  }
  return found;
}

function floats({ squares, rows }: SquarePairs["left"], start: number, end: number): Tensor {
  const bytes = new Uint8Array((end - start) * squareBytes);
  for (let i = start; i < end; i++)
    bytes.set(squares.subarray(rows[i]! * squareBytes, (rows[i]! + 1) * squareBytes), (i - start) * squareBytes);
  return tensor(bytes, [end - start, 3, squareSide, squareSide]).to("float32"); // [P, 3, S, S]
}

/** The largest correlation of the whole of `small` with a part of `large`, [P]. */
const contained = (large: Tensor, small: Tensor): Tensor =>
  keptShares
    .map((share) => scope(() => correlation(large, small, Math.round(share * squareSide))))
    .reduce((most, own) => most.maximum(own));

/** `small` brought to side T and laid on every place of `large`: the largest correlation, [P]. */
function correlation(large: Tensor, small: Tensor, side: number): Tensor {
  const pairs = large.size(0);
  const count = 3 * side * side;
  const resized = side === squareSide ? small : op._upsample_bilinear2d_aa(small, [side, side], false); // [P, 3, T, T]
  const template = resized.sub(resized.mean({ dim: [1, 2, 3], keepDim: true }));
  const energy = template.square().sum({ dim: [1, 2, 3] }); // [P]
  const input = large.reshape(1, 3 * pairs, squareSide, squareSide);
  const products = op.conv2d(input, template, null, 1, 0, 1, pairs).reshape(pairs, -1); // [P, K K]; the template's mean is 0
  const box = ones([1, 3, side, side]);
  const sums = op.conv2d(large, box).reshape(pairs, -1); // [P, K K]
  const squares = op.conv2d(large.square(), box).reshape(pairs, -1);
  const spread = squares.sub(sums.square().div(count)).clamp_({ min: 0 }); // [P, K K]
  const floor = count * leastContrast ** 2;
  return products.div(spread.add(floor).mul(energy.add(floor).reshape(pairs, 1)).sqrt()).amax({ dim: 1 });
}

/** The same squares upside down: what no copy is. */
export function upsideDown(squares: Uint8Array): Uint8Array {
  const turned = new Uint8Array(squares.length);
  for (let row = 0; row < squares.length / squareSide; row++) {
    const plane = Math.floor(row / squareSide);
    const to = plane * squareSide + (squareSide - 1 - (row % squareSide));
    turned.set(squares.subarray(row * squareSide, (row + 1) * squareSide), to * squareSide);
  }
  return turned;
}
