// N images, R boxes of all of them, C channels, K classes; class 0 is the background
import { Linear, Module } from "../nn/index.ts";
import { cat, indexTensor, noGrad, op, scope, type Tensor } from "../torch/index.ts";
import { boxAreas, boxHeadWeights, clipBoxes, decodeBoxes, encodeBoxes, type ImageSize } from "./boxes.ts";
import { rowsAt, smoothL1Sum } from "./losses.ts";
import { matchBoxes, sampleMatches } from "./matching.ts";
import { nmsByClass } from "./nms.ts";
import { partOf } from "./whole-batch.ts";

/** Features [R, C] of boxes to what is in them and how to move them (arXiv 1504.08083). */
export class BoxPredictor extends Module {
  readonly cls_score: Linear;
  readonly bbox_pred: Linear;

  constructor(channels: number, classes: number) {
    super();
    this.cls_score = new Linear(channels, classes + 1, { std: 0.01 });
    this.bbox_pred = new Linear(channels, 4 * (classes + 1), { std: 0.001 });
  }

  override forward(features: Tensor): Tensor {
    return this.cls_score.forward(features);
  }

  /** Logits [R, K + 1] and deltas [R, K + 1, 4], float32. */
  predict(features: Tensor): { logits: Tensor; deltas: Tensor } {
    const logits = this.cls_score.forward(features).to("float32");
    const deltas = this.bbox_pred.forward(features).to("float32");
    return { logits, deltas: deltas.reshape(features.size(0), logits.size(1), 4) };
  }
}

export interface BoxHeadOptions {
  /** From this overlap with a true box on a proposal is one of its class. */
  matchThreshold: number;
  sample: { size: number; positiveShare: number };
  /** See `smoothL1Sum`. */
  beta: number;
  /** Below this probability nothing is reported. */
  scoreThreshold: number;
  nmsThreshold: number;
  /** Detections of a picture at most. */
  detections: number;
}

/** One picture's sampled proposals, and what they should become. */
export interface BoxTargets {
  boxes: Tensor; // [R, 4], those of objects first
  /** 0 for the background. */
  classes: Int32Array; // [R]
  /** The place of each object's true box; of the first `objects` proposals. */
  matches: Int32Array; // [objects]
  /** Their true boxes, [objects, 4]. */
  truth: Tensor;
  objects: number;
}

/** Proposals to learn from, true boxes among them; truth [G, 4], classes [G] from 1 on. */
export function sampleProposals(
  proposals: Tensor,
  truth: Tensor,
  classes: Int32Array,
  { matchThreshold, sample }: BoxHeadOptions,
  next: () => number,
): BoxTargets {
  return noGrad(() =>
    scope(() => {
      const all = cat([proposals, truth]); // [R, 4]
      const matches = matchBoxes(truth, all, { high: matchThreshold, low: matchThreshold });
      const { positives, negatives } = sampleMatches(matches, sample, next);
      const own = Int32Array.from(positives, (place) => matches[place]!);
      const found = Int32Array.from([...own].map((match) => classes[match]!));
      const labels = new Int32Array(positives.length + negatives.length);
      labels.set(found);
      return {
        boxes: rowsAt(all, [...positives, ...negatives]),
        classes: labels,
        matches: own,
        truth: rowsAt(truth, own),
        objects: own.length,
      };
    }),
  );
}

/**
 * Cross-entropy over all sampled proposals, and smooth L1 of the true class's deltas over those of objects, divided by the count of all
 * (arXiv 1504.08083, eq. 1, as detectron2 divides): `all` of the batch, of which other processes may hold some.
 */
export function boxLosses(
  { logits, deltas }: { logits: Tensor; deltas: Tensor },
  targets: readonly BoxTargets[],
  all: number,
  beta: number,
): { class: Tensor; box: Tensor } {
  const labels = Int32Array.from(targets.flatMap(({ classes }) => [...classes])); // [R]
  if (labels.length === 0) return { class: logits.sum(), box: deltas.sum() };
  return {
    class: partOf(op.cross_entropy_loss(logits, indexTensor(labels, logits.device)), labels.length, all),
    box: deltaLoss(deltas, targets, labels, beta).div(all),
  };
}

function deltaLoss(deltas: Tensor, targets: readonly BoxTargets[], labels: Int32Array, beta: number): Tensor {
  const classes = deltas.size(1);
  const places = Array.from(labels, (label, row) => row * classes + label).filter((_, row) => labels[row]! > 0);
  const own = rowsAt(deltas.reshape(-1, 4), places); // [objects, 4]
  if (places.length === 0) return own.sum();
  const anchors = cat(targets.map(({ boxes, objects }) => boxes.narrow(0, 0, objects)));
  return smoothL1Sum(own, encodeBoxes(cat(targets.map(({ truth }) => truth)), anchors, boxHeadWeights), beta);
}

/** What was found in one picture, the surest first. */
export interface FoundBoxes {
  boxes: Tensor; // [D, 4]
  scores: Float32Array; // [D]
  /** From 1 on. */
  classes: Int32Array; // [D]
}

/** One picture's detections: every class's box of every proposal that is sure enough, struck out by overlap within its class. */
export function detectionsOf(
  { logits, deltas }: { logits: Tensor; deltas: Tensor },
  proposals: Tensor,
  size: ImageSize,
  { scoreThreshold, nmsThreshold, detections }: BoxHeadOptions,
): FoundBoxes {
  const [R, classes] = logits.shape as [number, number];
  const anchors = proposals.unsqueeze(1).expand(R, classes, 4);
  const boxes = clipBoxes(decodeBoxes(deltas, anchors, boxHeadWeights), size).reshape(-1, 4); // [R (K + 1), 4]
  const scores = logits.softmax(1).reshape(-1); // [R (K + 1)]
  const sure = surePlaces(scores.float32(), boxAreas(boxes).float32(), classes, scoreThreshold);
  const labels = Float32Array.from(sure, (place) => place % classes);
  const [sureBoxes, sureScores] = [rowsAt(boxes, sure), rowsAt(scores, sure)];
  const ownClasses = indexTensor(labels, logits.device);
  const kept = nmsByClass(sureBoxes, sureScores, ownClasses.to("float32"), {
    threshold: nmsThreshold,
    most: detections,
  });
  return {
    boxes: sureBoxes.indexSelect(0, kept),
    scores: sureScores.indexSelect(0, kept).float32(),
    classes: Int32Array.from(ownClasses.indexSelect(0, kept).to("int32").data() as Int32Array),
  };
}

/** Not those of the background, nor empty boxes. */
function surePlaces(scores: Float32Array, areas: Float32Array, classes: number, threshold: number): number[] {
  const places: number[] = [];
  for (let place = 0; place < scores.length; place++)
    if (place % classes !== 0 && scores[place]! > threshold && areas[place]! > 0) places.push(place);
  return places;
}
