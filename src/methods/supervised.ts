// N images (global batch), R features of the trunk, C classes
import { z } from "zod";
import { CallError } from "../errors.ts";
import { Linear } from "../nn/index.ts";
import { noGrad, type Tensor } from "../torch/index.ts";
import { defineMethod, type MethodLoss } from "./method.ts";
import { crossEntropy, inFloat32 } from "./parts.ts";
import { supervisedViews } from "./views.ts";

/**
 * Cross-entropy with labels: the baseline that the self-supervised methods are measured against.
 *
 * loss = mean over the images of −log softmax(logits) at the image's class. logits [N, C], any float type, computed in float32;
 * classes [N], int64. The metric is the share of images whose greatest logit is the right one.
 */
export function supervisedLoss(logits: Tensor, classes: Tensor): MethodLoss {
  return inFloat32([logits], (wide) => {
    const accuracy = noGrad(() => wide!.argmax(1).eq(classes).to("float32").mean());
    return { loss: crossEntropy(wide!, classes), metrics: { accuracy } };
  });
}

export const supervised = defineMethod({
  name: "supervised",
  title: "supervised training",
  paper: "1512.03385", // the trunk's own paper
  smallestBatch: () => 2, // the trunk's batch norm needs two images where its maps have shrunk to one place
  needsLabels: true,
  options: z.strictObject({}),
  defaults: {
    warmupEpochs: 0,
    floor: 0,
    optimizer: { name: "sgd", learningRate: 0.1, weightDecay: 1e-4, decaysBiases: true },
  },
  views: (size) => supervisedViews({ size }),
  build(backbone, _, { classes }) {
    const classifier = new Linear(backbone.outputSize, classes);
    return {
      trainable: { backbone, classifier },
      represent: (views) => views.map((view) => backbone.forward(view)), // [N, R]
      embed: ([features]) => [features!, classifier.forward(features!)], // [N, R], [N, C]
      loss([, logits], { labels }) {
        if (!labels) throw new CallError("supervised: no labels in the context; classes [N] are needed; pass them");
        return supervisedLoss(logits!, labels);
      },
    };
  },
});
