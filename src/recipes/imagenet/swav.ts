// selfsight pretrain IMAGENET/train --recipe imagenet/swav
// SwAV's recipe (arXiv 2006.09882, appendix A): ResNet-50, 800 epochs, batch 4096, two crops of 224 and six of 96, rates adapted
// for every parameter, 3000 prototypes that are held still for an epoch. The warm-up starts at 0 here, at 0.3 there.
// Expected: 75.3 % linear top-1 (72.1 % after 100 epochs). Hardware of the paper: 64 V100, 3 min 40 s an epoch. Not run by us.
// For a batch of 256 (4 V100, 52 min an epoch, 74.3 % after 400): --batch 256 --epochs 400 --set optimizer.learningRate=0.6
//   --set warmupEpochs=0 --set queueLength=3840
import type { PartialSettings } from "../../train/index.ts";

export const swav: PartialSettings = {
  method: "swav",
  backbone: "resnet50",
  stem: "imagenet",
  size: 224,
  zeroInitResidual: false,
  projector: "2048-128",
  prototypes: 3000,
  temperature: 0.1,
  epsilon: 0.05,
  iterations: 3,
  freezePrototypesEpochs: 1,
  batchSize: 4096,
  epochs: 800,
  warmupEpochs: 10,
  floor: 0.001,
  optimizer: { name: "lars", learningRate: 0.3, weightDecay: 1e-6, decaysBiases: true, adaptsBiases: true },
};
