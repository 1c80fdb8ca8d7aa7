// N images (global batch), D embedding features.  SimSiam, arXiv 2011.10566
import { z } from "zod";
import { projector } from "../nn/index.ts";
import type { Tensor } from "../torch/index.ts";
import { defineMethod, expectPair, type MethodLoss } from "./method.ts";
import { cosines, inFloat32, lastWidth, projectorWidths, widthsOf } from "./parts.ts";
import { mocoViews } from "./views.ts";

/**
 * The prediction from one view should point where the network puts the other view, which is held still.
 *
 * loss = mean over the directions of −mean(cos(p, stopgrad(z))) (eq. 1 to 4); from −1 to 1. Pairs of predictions and targets
 * [N, D], any float type, computed in float32; gradients go to the predictions alone, unless `stopGradient` is false (table 1).
 */
export function simsiamLoss(
  predictions: readonly (readonly [prediction: Tensor, target: Tensor])[],
  { stopGradient = true } = {},
): MethodLoss {
  const terms = predictions.map(([prediction, target]) => {
    expectPair("simsiamLoss", prediction, target);
    const held = stopGradient ? target.detach() : target;
    return inFloat32([prediction, held], (p, z) => cosines(p!, z!).mean().neg());
  });
  return { loss: terms.reduce((sum, term) => sum.add(term)).div(terms.length), metrics: {} };
}

export const simsiam = defineMethod({
  name: "simsiam",
  title: "SimSiam",
  paper: "2011.10566",
  smallestBatch: () => 2, // the heads' batch norm needs two images
  options: z.strictObject({
    projector: projectorWidths.default("2048-2048-2048"),
    predictor: projectorWidths
      .default("512")
      .describe("widths of the predictor's hidden layers; its output is as wide as the projector's"),
    /** Section 4.1. */
    stopGradient: z
      .boolean()
      .default(true)
      .describe("whether the targets are held still; without it the network collapses"),
  }),
  defaults: {
    warmupEpochs: 0,
    floor: 0,
    cosinePer: "epoch",
    optimizer: { name: "sgd", learningRate: 0.05, weightDecay: 1e-4, decaysBiases: true },
  },
  views: (size) => mocoViews({ size }),
  floor: () => -1,
  build(backbone, { projector: widths, predictor: hidden, stopGradient }) {
    const output = lastWidth(widths);
    const head = projector(backbone.outputSize, widthsOf(widths), { lastNorm: "plain" });
    const predictor = projector(output, [...widthsOf(hidden), output], { lastBias: true });
    return {
      trainable: { backbone, projector: head, predictor },
      constantRate: ["predictor"], // section 4.2: it should keep up with the representations
      represent: (views) => views.map((view) => backbone.forward(view)),
      embed(representations) {
        const targets = representations.map((representation) => head.forward(representation));
        return [...targets, ...targets.map((target) => predictor.forward(target))]; // 4 x [N, D]
      },
      loss: ([zA, zB, pA, pB]) =>
        simsiamLoss(
          [
            [pA!, zB!],
            [pB!, zA!],
          ],
          { stopGradient },
        ),
    };
  },
});
