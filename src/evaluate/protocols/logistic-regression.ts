// n labelled rows, D features, C classes
import { SelfsightError } from "../../errors.ts";
import { cat, noGrad, ones, scope, type Tensor, tensor, zeros } from "../../torch/index.ts";

const mostIterations = 5000;
const checkEvery = 25;
const tolerance = 1e-5;

/**
 * Multinomial logistic regression: the minimum of  mean cross-entropy + ‖W‖² / (2 n),  bias unpenalised (C = 1 in the usual
 * libraries' terms). Rows [n, D] of length 1 or less; labels 0 to C - 1. Returns weights [D + 1, C], the last row the bias.
 *
 * Accelerated gradient descent with constant momentum (Nesterov 2004, scheme 2.2.11): the problem is convex, so the result
 * does not depend on the way there. Stops where every partial derivative is below 1e-5.
 */
export function logisticRegression(rows: Tensor, labels: Int32Array, classes: number): Tensor {
  return noGrad(() => scope(() => minimize(withOnes(rows), oneHot(labels, classes, rows.device))));
}

/** Classes of rows [m, D], int64 [m]. */
export const classify = (rows: Tensor, weights: Tensor): Tensor => withOnes(rows).matmul(weights).argmax(1);

/** Rows [n, D] with a column of ones for the bias: [n, D + 1]. */
export const withOnes = (rows: Tensor): Tensor => cat([rows, ones([rows.size(0), 1], { device: rows.device })], 1);

/** 1 at each row's class, else 0: [n, C] float32. */
export function oneHot(labels: Int32Array, classes: number, device: string): Tensor {
  const hot = new Float32Array(labels.length * classes); // [n, C]
  labels.forEach((label, row) => {
    hot[row * classes + label] = 1;
  });
  return tensor(hot, [labels.length, classes], { device });
}

/** Rows [n, D + 1] of squared length 2 at most: the curvature of the cross-entropy is at most 2 / 2 (Böhning 1992). */
function minimize(rows: Tensor, hot: Tensor): Tensor {
  const [n, width] = [rows.size(0), rows.size(1)];
  const penalty = tensor(
    Float32Array.from({ length: width }, (_, i) => (i < width - 1 ? 1 / n : 0)),
    [width, 1],
    {
      device: rows.device,
    },
  );
  const [flattest, steepest] = [1 / n, 1 + 1 / n];
  const momentum = (Math.sqrt(steepest) - Math.sqrt(flattest)) / (Math.sqrt(steepest) + Math.sqrt(flattest));
  const point = zeros([width, hot.size(1)], { device: rows.device }); // [D + 1, C]
  const ahead = point.clone();
  for (let iteration = 0; iteration < mostIterations; iteration++) {
    const isDone = scope(() => {
      const slope = rows.T.matmul(rows.matmul(ahead).softmax(1).sub(hot)).div_(n).add_(ahead.mul(penalty));
      const next = ahead.sub(slope.mul(1 / steepest));
      ahead.copy_(next.add(next.sub(point).mul(momentum)));
      point.copy_(next);
      return iteration % checkEvery === 0 && slope.abs().amax().item() < tolerance;
    });
    if (isDone) return point;
  }
  throw new SelfsightError(
    "numerics",
    `few-shot: the classifier did not settle in ${mostIterations} iterations; rows of length 1 are needed; check the features`,
  );
}
