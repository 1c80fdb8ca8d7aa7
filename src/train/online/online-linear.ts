// n images, R features of the trunk, C classes
import { BatchNorm1d, Linear, Module, namedParameters, type Optimizer, sgd } from "../../nn/index.ts";
import { keyedPermutation } from "../../random.ts";
import { noGrad, randomState, scope, setRandomState, type Tensor } from "../../torch/index.ts";

/** A linear classifier that learns beside the trunk and is no part of it. */
export interface OnlineLinear {
  head: OnlineHead;
  optimizer: Optimizer;
  /** Places of the training pictures whose labels it never sees: it is asked for them. */
  heldOut: ReadonlySet<number>;
}

/** At features of length 1 on average; falls with the run's own schedule. */
const peakRate = 3;

/** Features [n, R] as the layer sees them, and logits: (x − mean) / (std √R), then Linear. */
export class OnlineHead extends Module {
  readonly norm: BatchNorm1d;
  readonly classifier: Linear;

  constructor(features: number, classes: number) {
    super();
    this.norm = new BatchNorm1d(features, { affine: false });
    this.classifier = new Linear(features, classes);
    noGrad(() => [this.classifier.weight, this.classifier.bias!].map((own) => own.zero_()));
  }

  /** Scaled so that rows have length 1 on average and the rate means the same for every R; without gradients. */
  standardized(features: Tensor): Tensor {
    return noGrad(() => this.norm.forward(features.detach().to("float32")).mul(1 / Math.sqrt(features.size(1))));
  }

  override forward(features: Tensor): Tensor {
    return this.classifier.forward(this.standardized(features)); // [n, C]
  }
}

/** It begins at zero, and libtorch's generator is left as it was found: the trunk draws what it would draw without. */
export function openOnlineLinear(features: number, classes: number, held: ReadonlySet<number>): OnlineLinear {
  const before = randomState();
  try {
    const head = scope(() => new OnlineHead(features, classes));
    const parameters = namedParameters({ [onlineLinearName]: head });
    const group = { name: "online linear", parameters, learningRate: peakRate, weightDecay: 0 };
    return { head, optimizer: sgd([group], { momentum: 0.9 }), heldOut: held };
  } finally {
    setRandomState(before);
  }
}

/** What its tensors are called by in a checkpoint. */
export const onlineLinearName = "onlineLinear";

/** Enough for a curve. */
const mostHeldOut = 1000;
/** Keeps this choice of pictures apart from other uses of the seed. */
const onlineKey = 0x6b6e6e;

/**
 * A fixed choice of training pictures that are asked for while a run trains, at most 1,000 and a fifth of all, and the others in their
 * keyed order: the same at every epoch, whatever was resumed.
 */
export function onlineParts(length: number, seed: number): { held: Uint32Array; others: Uint32Array } {
  const order = keyedPermutation(length, seed, onlineKey);
  const count = Math.min(mostHeldOut, Math.floor(length / 5));
  return { held: order.slice(0, count), others: order.slice(count) };
}
