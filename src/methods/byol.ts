// N images (global batch), D embedding features.  BYOL, arXiv 2006.07733
import { z } from "zod";
import { barlowTwinsViews } from "../augment/index.ts";
import { projector } from "../nn/index.ts";
import { noGrad, type Tensor } from "../torch/index.ts";
import { defineMethod, expectPair, type MethodLoss, stepNumber } from "./method.ts";
import {
  asTeacher,
  cosines,
  inFloat32,
  lastWidth,
  momentumAt,
  momentumOptions,
  moveTowards,
  projectorWidths,
  widthsOf,
} from "./parts.ts";

/** What a predictor says, and what it should say. */
export type Prediction = readonly [prediction: Tensor, target: Tensor];

/**
 * The prediction from one view should point where a slow copy of the network puts the other view.
 *
 * loss = Σ over the directions of mean(2 − 2 cos(p, z')) (eq. 2, summed over both directions as in section 3.1); from 0 to
 * 4 per direction. Predictions and targets [N, D], any float type, computed in float32; gradients go to the predictions alone.
 */
export function byolLoss(predictions: readonly Prediction[]): MethodLoss {
  const terms = predictions.map(([prediction, target]) => {
    expectPair("byolLoss", prediction, target);
    return inFloat32([prediction, target.detach()], (p, z) => cosines(p!, z!).mean().mul(-2).add(2));
  });
  return { loss: terms.reduce((sum, term) => sum.add(term)), metrics: {} };
}

export const byol = defineMethod({
  name: "byol",
  title: "BYOL",
  paper: "2006.07733",
  smallestBatch: () => 2, // the heads' batch norm needs two images
  options: z.strictObject({
    projector: projectorWidths.default("4096-256"),
    predictor: z
      .union([projectorWidths, z.literal("none")])
      .default("4096")
      .describe(
        "widths of the predictor's hidden layers; its output is as wide as the projector's; none: it collapses",
      ),
    /** Runs that began without the setting: true. */
    lastBias: z
      .boolean()
      .default(true)
      .describe("whether the heads' last layers have biases; the official ones have none"),
    ...momentumOptions(0.996, 1),
  }),
  steerable: ["momentum", "finalMomentum"],
  newRuns: { lastBias: false },
  defaults: {
    warmupEpochs: 10,
    floor: 0,
    optimizer: { name: "lars", learningRate: 0.2, weightDecay: 1.5e-6 },
  },
  views: (size) => barlowTwinsViews({ size }), // Barlow Twins took its two pipelines from here
  build(backbone, options, { makeBackbone }) {
    const biases = { bias: true, lastBias: options.lastBias };
    const makeHead = () => projector(backbone.outputSize, widthsOf(options.projector), biases);
    const output = lastWidth(options.projector);
    const student = { backbone, projector: makeHead() };
    const predictor =
      options.predictor === "none" ? undefined : projector(output, [...widthsOf(options.predictor), output], biases);
    const teacher = asTeacher({ backbone: makeBackbone(), projector: makeHead() }, student);
    return {
      trainable: { ...student, ...(predictor && { predictor }) },
      frozen: { teacher },
      represent: (views) => [
        ...views.map((view) => backbone.forward(view)),
        ...noGrad(() => views.map((view) => teacher.backbone.forward(view))),
      ],
      embed([a, b, targetA, targetB]) {
        const embeddings = [a!, b!].map((view) => student.projector.forward(view));
        const predictions = predictor ? embeddings.map((view) => predictor.forward(view)) : embeddings;
        const targets = noGrad(() => [targetA!, targetB!].map((view) => teacher.projector.forward(view)));
        return [...predictions, ...targets]; // 4 x [N, D]
      },
      loss: ([pA, pB, zA, zB]) =>
        byolLoss([
          [pA!, zB!],
          [pB!, zA!],
        ]),
      afterUpdate: (context) =>
        moveTowards(
          teacher,
          student,
          stepNumber(context, (at) => momentumAt(at, options)),
        ),
    };
  },
});
