// selfsight pretrain IMAGENET/train --recipe imagenet
// The paper's recipe (arXiv 2103.03230, section 2.2; official code where they differ): ResNet-50, 1000 epochs, batch 2048.
// Hardware of the paper: 32 V100, about 124 hours; 73.2 % linear top-1. Not run by us. The official code's gradients are the true
// ones divided by its number of GPUs (it sums C over the ranks outside autograd, then averages gradients). LARS does not see that in
// the weights, but the rate of biases and norms is not adapted: 0.0048 there acts as 0.0048 / 16 does here on 16 GPUs of theirs. Should
// a run be unstable: --set optimizer.biasLearningRate=0.0003.
import type { PartialSettings } from "../train/index.ts";

export const imagenet: PartialSettings = {
  method: "barlow-twins",
  backbone: "resnet50",
  stem: "imagenet",
  size: 224,
  projector: "8192-8192-8192",
  lambda: 0.0051,
  batchSize: 2048,
  epochs: 1000,
  warmupEpochs: 10,
  floor: 0.001,
  optimizer: {
    name: "lars",
    learningRate: 0.2,
    biasLearningRate: 0.0048,
    weightDecay: 1e-6,
    decaysBiases: false,
    momentum: 0.9,
  },
};
