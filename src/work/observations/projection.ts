// n pictures, D features.  Features as points of a plane, whose axes stay what they were from one time to the next.
import { noGrad, scope, type Tensor, tensor } from "../../torch/index.ts";

/** Points [n, 2], row by row, and the share of the variance that they hold. */
export interface Plane {
  points: Float64Array;
  explained: number;
}

/** Rounds of the power iteration: more than enough for a plane to look at, the same number always. */
const rounds = 60;

/**
 * The two first principal components of rows of unit length, [n, D] row by row. By orthogonal iteration from a fixed start, so that
 * the same features give the same points; where the second and third component are alike it need not have found the second one.
 */
export function principalPlane(features: Float32Array, count: number): Plane {
  const D = features.length / count;
  return scope(() =>
    noGrad(() => {
      const rows = unitRows(tensor(features, [count, D]));
      const centred = rows.sub(rows.mean({ dim: 0, keepDim: true })).to("float64"); // [n, D]
      let axes = orthonormal(firstAxes(D), D);
      for (let round = 0; round < rounds; round++) {
        const turned = scope(() => centred.T.matmul(centred.matmul(tensor(axes, [D, 2]).to("float64"))));
        axes = orthonormal(turned.data() as Float64Array, D);
      }
      const points = centred.matmul(tensor(axes, [D, 2]).to("float64")).data() as Float64Array;
      const total = centred.square().sum().item();
      const held = points.reduce((sum, value) => sum + value * value, 0);
      return { points: Float64Array.from(points), explained: total > 0 ? held / total : 0 };
    }),
  );
}

export const unitRows = (rows: Tensor): Tensor => rows.div(rows.norm({ dim: 1, keepDim: true }).clamp({ min: 1e-12 }));

/** Two directions that no feature is left out of. */
const firstAxes = (D: number): Float64Array =>
  Float64Array.from({ length: 2 * D }, (_, i) => Math.cos((i >> 1) * (i % 2 === 0 ? 1 : 2.5) + 0.3));

/** Gram-Schmidt of two columns [D, 2]; a column without a direction of its own stays 0. */
function orthonormal(columns: Float64Array, D: number): Float64Array {
  const axes = Float64Array.from(columns);
  const dot = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < D; i++) sum += axes[2 * i + a]! * axes[2 * i + b]!;
    return sum;
  };
  for (const column of [0, 1]) {
    const shared = column === 1 ? dot(0, 1) : 0;
    for (let i = 0; i < D && column === 1; i++) axes[2 * i + 1]! -= shared * axes[2 * i]!;
    const length = Math.sqrt(dot(column, column));
    for (let i = 0; i < D; i++) axes[2 * i + column] = length > 1e-12 ? axes[2 * i + column]! / length : 0;
  }
  return axes;
}

/**
 * Points turned, and mirrored where that is nearer, onto earlier ones (orthogonal Procrustes: the least sum of squared distances; both
 * are centred already, and no size is changed). Pairs in which either is no number do not count.
 */
export function alignedTo(points: Float64Array, earlier: Float64Array): Float64Array {
  let [xx, xy, yx, yy] = [0, 0, 0, 0]; // Σ of point times earlier point
  for (let i = 0; i < points.length; i += 2) {
    const [x, y, u, v] = [points[i]!, points[i + 1]!, earlier[i]!, earlier[i + 1]!];
    if (!Number.isFinite(x + y + u + v)) continue;
    [xx, xy, yx, yy] = [xx + x * u, xy + x * v, yx + y * u, yy + y * v];
  }
  const turn = { x: xx + yy, y: xy - yx };
  const mirror = { x: xx - yy, y: xy + yx };
  const isMirrored = Math.hypot(mirror.x, mirror.y) > Math.hypot(turn.x, turn.y);
  const { x, y } = isMirrored ? mirror : turn;
  const length = Math.hypot(x, y);
  const [cos, sin] = length > 0 ? [x / length, y / length] : [1, 0];
  const sign = isMirrored ? -1 : 1;
  return points.map((_, i) => {
    const [a, b] = [points[i - (i % 2)]!, sign * points[i - (i % 2) + 1]!];
    return i % 2 === 0 ? cos * a - sin * b : sin * a + cos * b;
  });
}

/** The value of a point that there is not. */
const missing = -32_768;

/** Points as whole numbers of 16 bits, little-endian, and what one is worth. */
export function packed(points: Float64Array): { points: string; scale: number } {
  const largest = points.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
  const scale = Number((largest / 32_767 || 1).toPrecision(6));
  const bytes = Buffer.alloc(2 * points.length);
  points.forEach((value, i) => {
    const whole = Math.max(-32_767, Math.min(32_767, Math.round(value / scale)));
    bytes.writeInt16LE(Number.isFinite(value) ? whole : missing, 2 * i);
  });
  return { points: bytes.toString("base64"), scale };
}

export function unpacked({ points, scale }: { points: string; scale: number }): Float64Array {
  const bytes = Buffer.from(points, "base64");
  return Float64Array.from({ length: bytes.length / 2 }, (_, i) => {
    const whole = bytes.readInt16LE(2 * i);
    return whole === missing ? Number.NaN : whole * scale;
  });
}
