// B batches, C channels

import type { Detector } from "../../detect/index.ts";
import { type BatchNorm, modulesIn, BatchNorm as Norm } from "../../nn/index.ts";
import { noGrad, scope, type Tensor } from "../../torch/index.ts";

/** By how much running statistics move towards a batch's; see `BatchNorm`. */
const share = 0.1;

interface Sums {
  norm: BatchNorm;
  mean: Tensor; // [C]
  variance: Tensor; // [C]
}

/**
 * Takes every batch norm's statistics anew: the plain mean of those of some batches, in place of a running one that still remembers
 * other weights ("precise BN", arXiv 2105.07576, section 3.1). `pass` runs one batch in training mode, without gradients.
 */
export class PreciseNorm {
  readonly #sums: Sums[];
  #batches = 0;

  constructor(network: Detector) {
    const norms = [...modulesIn(network)].filter((module) => module instanceof Norm);
    this.#sums = norms.map((norm) => ({
      norm,
      mean: norm.running_mean.zerosLike(),
      variance: norm.running_var.zerosLike(),
    }));
  }

  /** From statistics of zero, one batch leaves a known share of its own. */
  add(pass: () => void): void {
    noGrad(() =>
      scope(() => {
        for (const { norm } of this.#sums) for (const values of [norm.running_mean, norm.running_var]) values.zero_();
        pass();
        for (const { norm, mean, variance } of this.#sums) {
          mean.add_(norm.running_mean, { alpha: 1 / share });
          variance.add_(norm.running_var, { alpha: 1 / share });
        }
      }),
    );
    this.#batches += 1;
  }

  /** Writes the means into the network and gives the memory back. */
  settle(): void {
    noGrad(() =>
      scope(() => {
        for (const { norm, mean, variance } of this.#sums) {
          norm.running_mean.copy_(mean.div(this.#batches));
          norm.running_var.copy_(variance.div(this.#batches));
        }
      }),
    );
    for (const { mean, variance } of this.#sums) for (const values of [mean, variance]) values.free();
  }
}
