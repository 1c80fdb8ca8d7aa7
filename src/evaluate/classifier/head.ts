// D features, C classes
import { BatchNorm1d, Linear, type Module, moveNetwork, Sequential } from "../../nn/index.ts";
import { noGrad, scope, tensor } from "../../torch/index.ts";
import { firstWeights } from "../protocols/linear-probe.ts";

export interface HeadOptions {
  features: number;
  classes: number;
  /** Of the first weights. */
  seed: number;
  device: string;
  /** A batch norm with scale and shift before the layer. Default false. */
  normalizes?: boolean;
}

/**
 * One linear layer, [B, D] to logits [B, C]: weights N(0, 0.01) that follow from the seed, biases 0, as the official evaluation begins.
 * To be freed with `freeNetwork`.
 */
export function linearHead({ features, classes, seed, device, normalizes = false }: HeadOptions): Module {
  const head = scope(() => {
    const layer = new Linear(features, classes);
    beginAsPublished(layer, firstWeights(classes, features, seed));
    return normalizes ? new Sequential(new BatchNorm1d(features), layer) : layer;
  });
  moveNetwork(head, device);
  return head;
}

/** `first` [D + 1, C], the last row the biases. */
function beginAsPublished({ weight, bias }: Linear, first: Float32Array): void {
  const [classes, features] = weight.shape as [number, number];
  noGrad(() => {
    const table = tensor(first, [features + 1, classes]);
    weight.copy_(table.narrow(0, 0, features).T);
    bias!.copy_(table.select(0, features));
  });
}
