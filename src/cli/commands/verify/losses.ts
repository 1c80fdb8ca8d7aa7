// The reference cases of the methods' losses, values and gradients.
import {
  barlowTwinsLoss,
  byolLoss,
  type MethodLoss,
  mocoLoss,
  ntXentLoss,
  simsiamLoss,
  sinkhornCodes,
  swavLoss,
} from "../../../methods/index.ts";
import type { Tensor } from "../../../torch/index.ts";
import { type Case, type Comparison, compare, numberOf, type Operation } from "./case.ts";

export const lossCases: Record<string, Operation> = {
  barlow_twins_loss: barlowTwinsCase,
  nt_xent_loss: (reference) => pairCase(reference, (a, b) => ntXentLoss(a, b, temperatureOf(reference))).comparisons,
  moco_loss: mocoCase,
  byol_loss: (reference) => predictionCase(reference, byolLoss),
  simsiam_loss: (reference) => predictionCase(reference, simsiamLoss),
  swav_loss: swavCase,
};

const temperatureOf = (reference: Case) => ({ temperature: numberOf(reference, "temperature") });

/** A stored tensor that takes a gradient. */
const leaf = (reference: Case, name: string): Tensor => reference.get(name).requiresGrad_();

/** Loss and the gradients of the inputs, each stored as `grad_` and the input's name (SwAV's without `scores_`). */
function compareWithGradients(reference: Case, { loss }: MethodLoss, inputs: Record<string, Tensor>): Comparison[] {
  loss.backward();
  const gradients = Object.entries(inputs).map(([name, input]) => compare(reference, `grad_${name}`, input.grad!));
  return [compare(reference, "loss", loss), ...gradients];
}

function pairCase(reference: Case, loss: (z1: Tensor, z2: Tensor) => MethodLoss) {
  const [z1, z2] = [leaf(reference, "z1"), leaf(reference, "z2")];
  const computed = loss(z1, z2);
  return { comparisons: compareWithGradients(reference, computed, { z1, z2 }), metrics: computed.metrics };
}

function barlowTwinsCase(reference: Case): Comparison[] {
  const lambda = numberOf(reference, "lambda_");
  const { comparisons, metrics } = pairCase(reference, (a, b) => barlowTwinsLoss(a, b, { lambda }));
  return [
    ...comparisons,
    compare(reference, "on_diagonal", metrics.onDiagonal!),
    compare(reference, "off_diagonal", metrics.offDiagonal!),
  ];
}

function mocoCase(reference: Case): Comparison[] {
  const q = leaf(reference, "q");
  const loss = mocoLoss(q, reference.get("k"), reference.get("queue"), temperatureOf(reference));
  return compareWithGradients(reference, loss, { q });
}

function predictionCase(reference: Case, loss: typeof simsiamLoss): Comparison[] {
  const [p1, p2] = [leaf(reference, "p1"), leaf(reference, "p2")];
  const crossed = [
    [p1, reference.get("z2")],
    [p2, reference.get("z1")],
  ] as const;
  return compareWithGradients(reference, loss(crossed), { p1, p2 });
}

function swavCase(reference: Case): Comparison[] {
  const crops = ["high_0", "high_1", "low_0", "low_1"];
  const scores = crops.map((crop) => leaf(reference, `scores_${crop}`));
  const options = { epsilon: numberOf(reference, "epsilon"), iterations: numberOf(reference, "iterations") };
  const loss = swavLoss(scores, { ...options, ...temperatureOf(reference) });
  return [
    ...compareWithGradients(reference, loss, Object.fromEntries(crops.map((crop, i) => [crop, scores[i]!]))),
    ...[0, 1].map((i) => compare(reference, `codes_${i}`, sinkhornCodes(scores[i]!, options))),
  ];
}
