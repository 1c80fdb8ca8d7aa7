// N images of the batch, n of them in this process, R features of the trunk, C classes
import type { NamedBatch } from "../../data/index.ts";
import type { StepContext } from "../../methods/index.ts";
import { noGrad, type Tensor, tensor } from "../../torch/index.ts";
import { ofAllProcesses } from "../all-processes.ts";
import type { TrainState } from "../state.ts";

/** The labels that it learns from, those of all processes [N]; -1 where it must not look. */
export function onlineLabels(state: TrainState, { labels, indices }: NamedBatch): Tensor | undefined {
  const { onlineLinear, device } = state;
  if (!onlineLinear || !labels) return undefined;
  const own = labels.map((label, row) => (onlineLinear.heldOut.has(indices[row]!) ? -1 : label));
  return ofAllProcesses(state, tensor(own, [own.length], { device }).to("int64"));
}

/** What the online classifier learns from, and how. */
interface OnlineStep {
  features: Tensor; // [n, R]
  labels: Tensor; // [N]
  /** The run's own. */
  loss: Tensor; // []
  /** The schedule's. */
  factor: () => number;
  context: StepContext;
}

/**
 * One step on the trunk's features [n, R] of the first view, cut off from its gradient. Takes none where the run's own loss [] is not
 * finite. `labels` [N] as of `onlineLabels`.
 */
export function learnOnline(state: TrainState, { features, labels, loss, factor, context }: OnlineStep): void {
  const { head, optimizer } = state.onlineLinear!;
  const rows = noGrad(() => ofAllProcesses(state, head.standardized(features))); // [N, R]
  const own = meanCrossEntropy(head.classifier.forward(rows), labels);
  own.backward();
  const judged = noGrad(() => own.add(loss.sub(loss))); // not where the run's is not
  optimizer.step(factor, judged, context.following);
  optimizer.clearGradients();
}

/** Over the rows whose label is 0 or more. */
function meanCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const places = labels.clamp({ min: 0 }).unsqueeze(1); // [N, 1]
  const isTaught = labels.ge(0).to("float32"); // [N]
  const each = logits.logSoftmax(1).gather(1, places).squeeze(1).neg(); // [N]
  return each
    .mul(isTaught)
    .sum()
    .div(isTaught.sum().clamp({ min: 1 }));
}
