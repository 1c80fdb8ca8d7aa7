// N images, A anchors at a place, H and W the sides of the map, L = H W A anchors of a picture, R proposals
import { Conv2d, Module } from "../nn/index.ts";
import { cat, noGrad, scope, type Tensor, zeros } from "../torch/index.ts";
import { type AnchorOptions, anchorsAtPlace, anchorsOf } from "./anchors.ts";
import { boxAreas, clipBoxes, decodeBoxes, encodeBoxes, type ImageSize, proposalWeights } from "./boxes.ts";
import { binaryCrossEntropySum, rowsAt, smoothL1Sum } from "./losses.ts";
import { matchBoxes, sampleMatches } from "./matching.ts";
import { nms } from "./nms.ts";

/** A region proposal network (arXiv 1506.01497, section 3.1): at each place, for each anchor, whether it holds an object, and its box. */
export class ProposalNetwork extends Module {
  readonly conv: Conv2d;
  readonly cls_logits: Conv2d;
  readonly bbox_pred: Conv2d;

  constructor(channels: number, anchors: AnchorOptions) {
    super();
    const A = anchorsAtPlace(anchors);
    this.conv = new Conv2d(channels, channels, 3, { padding: 1, bias: true, std: 0.01 });
    this.cls_logits = new Conv2d(channels, A, 1, { bias: true, std: 0.01 });
    this.bbox_pred = new Conv2d(channels, 4 * A, 1, { bias: true, std: 0.01 });
  }

  override forward(map: Tensor): Tensor {
    return this.conv.forward(map).relu_();
  }

  /** Logits [N, L] and deltas [N, L, 4] of a map [N, C, H, W], in the anchors' order, float32. */
  predict(map: Tensor): { logits: Tensor; deltas: Tensor } {
    const N = map.size(0);
    const hidden = this.forward(map);
    const perAnchor = (values: Tensor) => values.permute(0, 2, 3, 1).to("float32");
    return {
      logits: perAnchor(this.cls_logits.forward(hidden)).reshape(N, -1),
      deltas: perAnchor(this.bbox_pred.forward(hidden)).reshape(N, -1, 4),
    };
  }
}

export interface ProposalOptions {
  anchors: AnchorOptions;
  /** Anchors of the highest scores that are looked at, in training and after it. */
  preNms: { training: number; testing: number };
  /** Proposals that are left. */
  postNms: { training: number; testing: number };
  nmsThreshold: number;
  match: { high: number; low: number };
  sample: { size: number; positiveShare: number };
  /** See `smoothL1Sum`. */
  beta: number;
}

export interface Proposed {
  /** For each image its proposals [R, 4] in pixels, the best first; without gradients. */
  boxes: Tensor[];
  /** Their logits [R]. */
  logits: Tensor[];
}

/** Anchors of a map [N, C, H, W] on its device, [L, 4]. */
export function anchorsFor(map: Tensor, options: AnchorOptions): Tensor {
  const anchors = anchorsOf(options, map.size(2), map.size(3));
  return map.device === "cpu" ? anchors : anchors.toDevice(map.device);
}

/** The best of what the network predicts: decoded, cut at the picture's edges, without empty ones, struck out by overlap. */
export function proposalsOf(
  { logits, deltas }: { logits: Tensor; deltas: Tensor },
  anchors: Tensor,
  sizes: readonly ImageSize[],
  { preNms, postNms, nmsThreshold }: ProposalOptions,
  mode: "training" | "testing",
): Proposed {
  const found = sizes.map((size, image) =>
    noGrad(() =>
      scope(() => {
        const count = Math.min(preNms[mode], anchors.size(0));
        const [best, places] = logits.select(0, image).topk(count); // each [count]
        const own = deltas.select(0, image).indexSelect(0, places); // [count, 4]
        const decoded = decodeBoxes(own, anchors.indexSelect(0, places), proposalWeights);
        return suppressed(clipBoxes(decoded, size), best, nmsThreshold, postNms[mode]);
      }),
    ),
  );
  return { boxes: found.map(({ boxes }) => boxes), logits: found.map(({ logits }) => logits) };
}

function suppressed(boxes: Tensor, logits: Tensor, threshold: number, most: number): { boxes: Tensor; logits: Tensor } {
  const areas = boxAreas(boxes).float32();
  const whole = rowsWhere(areas, (area) => area > 0 && Number.isFinite(area));
  const [wholeBoxes, wholeLogits] = [rowsAt(boxes, whole), rowsAt(logits, whole)];
  const kept = nms(wholeBoxes, wholeLogits, { threshold, most });
  return { boxes: wholeBoxes.indexSelect(0, kept), logits: wholeLogits.indexSelect(0, kept) };
}

function rowsWhere(values: Float32Array, isWanted: (value: number) => boolean): number[] {
  const rows: number[] = [];
  values.forEach((value, row) => {
    if (isWanted(value)) rows.push(row);
  });
  return rows;
}

/**
 * The two losses of the proposals, not yet divided by the count of sampled anchors, and that count: cross-entropy of "holds an object"
 * over the sampled anchors and smooth L1 of the deltas over those that do. `truth` has each image's boxes [G, 4], `next` its stream of
 * random numbers.
 */
export function proposalLossSums(
  { logits, deltas }: { logits: Tensor; deltas: Tensor },
  anchors: Tensor,
  truth: readonly Tensor[],
  { match, sample, beta }: ProposalOptions,
  next: (image: number) => () => number,
): { objectness: Tensor; proposalBox: Tensor; sampled: number } {
  let sampled = 0;
  const terms = truth.map((boxes, image) => {
    const matches = matchBoxes(boxes, anchors, { ...match, allowsLowQuality: true });
    const { positives, negatives } = sampleMatches(matches, sample, next(image));
    sampled += positives.length + negatives.length;
    const [ownLogits, ownDeltas] = [logits.select(0, image), deltas.select(0, image)];
    const yes = binaryCrossEntropySum(
      rowsAt(ownLogits, positives),
      zeros([positives.length], { device: logits.device }).add(1),
    );
    const no = binaryCrossEntropySum(
      rowsAt(ownLogits, negatives),
      zeros([negatives.length], { device: logits.device }),
    );
    return { objectness: yes.add(no), box: deltaLoss(ownDeltas, boxes, anchors, matches, positives, beta) };
  });
  const sum = (values: Tensor[]) => cat(values.map((value) => value.reshape(1))).sum();
  return {
    objectness: sum(terms.map((term) => term.objectness)),
    proposalBox: sum(terms.map((term) => term.box)),
    sampled,
  };
}

function deltaLoss(
  deltas: Tensor,
  truth: Tensor,
  anchors: Tensor,
  matches: Int32Array,
  positives: Uint32Array,
  beta: number,
): Tensor {
  const own = rowsAt(deltas, positives); // [P, 4]
  if (positives.length === 0) return own.sum();
  const goals = rowsAt(
    truth,
    Array.from(positives, (place) => matches[place]!),
  );
  return smoothL1Sum(own, encodeBoxes(goals, rowsAt(anchors, positives), proposalWeights), beta);
}
