// N images, H and W their sides, G true boxes of an image, R boxes of all images, C channels of the trunk's last stage, K classes
import { BatchNorm, Module, type ResNet } from "../nn/index.ts";
import { autocast, cat, noGrad, processGroup, type RefusedPromise, scope, type Tensor } from "../torch/index.ts";
import { usualAnchorSizes } from "./anchors.ts";
import {
  type BoxHeadOptions,
  BoxPredictor,
  type BoxTargets,
  boxLosses,
  detectionsOf,
  type FoundBoxes,
  sampleProposals,
} from "./box-head.ts";
import type { ImageSize } from "./boxes.ts";
import { MaskPredictor, maskLoss, maskTargets, ofOwnClass } from "./mask-head.ts";
import {
  anchorsFor,
  ProposalNetwork,
  type ProposalOptions,
  type Proposed,
  proposalLossSums,
  proposalsOf,
} from "./proposals.ts";
import { roiAlign } from "./roi-align.ts";
import { alone, type SampledCounts, sampledByAll } from "./whole-batch.ts";

export interface DetectorOptions {
  /** Classes of objects, the background not counted. */
  classes: number;
  /** Whether it draws a mask for each object (Mask R-CNN). */
  hasMasks: boolean;
  proposals: ProposalOptions;
  boxes: BoxHeadOptions;
  /** Places along each side of what the last stage gets of a box. */
  pooledSize: number;
  /** A batch norm behind the last stage, as the papers that fine-tune self-supervised trunks have it. */
  extraNorm: boolean;
  /** Samples of a place when boxes are pooled; 0: as many as there are. */
  samples: number;
  /** See `RoiAlignOptions`. */
  isAligned: boolean;
  /** Multiplies both losses of the proposals. */
  proposalLossWeight: number;
}

/** detectron2's R50-C4, with anchors brought to the stride of the trunk (arXiv 2103.03230, section 3.3 and its appendix). */
export function usualDetector(stride: number, own: Pick<DetectorOptions, "classes" | "hasMasks">): DetectorOptions {
  return {
    ...own,
    proposals: {
      anchors: { stride, sizes: usualAnchorSizes(stride) },
      preNms: { training: 12000, testing: 6000 },
      postNms: { training: 2000, testing: 1000 },
      nmsThreshold: 0.7,
      match: { high: 0.7, low: 0.3 },
      sample: { size: 256, positiveShare: 0.5 },
      beta: 0,
    },
    boxes: {
      matchThreshold: 0.5,
      sample: { size: 512, positiveShare: 0.25 },
      beta: 0,
      scoreThreshold: 0.05,
      nmsThreshold: 0.5,
      detections: 100,
    },
    pooledSize: 14,
    extraNorm: true,
    samples: 0,
    isAligned: true,
    proposalLossWeight: 1,
  };
}

/** What is true of one image. */
export interface Truth {
  /** Without what fills the batch up. */
  size: ImageSize;
  boxes: Tensor; // [G, 4] pixels
  /** From 1 on. */
  classes: Int32Array; // [G]
  /** 0 and 1, for masks. */
  bitmaps?: Tensor; // [G, H, W] uint8
}

/** What is random in a step: a stream of numbers in [0, 1) for an image and a purpose. */
export type Streams = (image: number, purpose: "proposals" | "boxes") => () => number;

/** The parts of the loss, each [] float32; they are summed. */
export interface DetectionLosses extends Record<string, Tensor> {
  objectness: Tensor;
  proposalBox: Tensor;
  class: Tensor;
  box: Tensor;
}

export interface Found extends FoundBoxes {
  /** Probabilities within each box, [D, P, P]. */
  masks?: Tensor;
}

/**
 * Faster R-CNN and Mask R-CNN on a residual trunk without a pyramid ("C4": arXiv 1506.01497, 1703.06870): proposals from the map before
 * the last stage, the last stage on each box, boxes and masks behind it. Nothing is frozen; batch norm is that of the whole batch.
 */
export class Detector extends Module {
  readonly backbone: ResNet;
  readonly rpn: ProposalNetwork;
  readonly extra_norm: BatchNorm | null;
  readonly box_predictor: BoxPredictor;
  readonly mask_predictor: MaskPredictor | null;
  readonly #options: DetectorOptions;
  /** What convolutions and products compute in. */
  precision: "bf16" | "fp32" = "fp32";

  constructor(backbone: ResNet, options: DetectorOptions) {
    super();
    const C = backbone.outputSize;
    this.backbone = backbone;
    this.rpn = new ProposalNetwork(C / 2, options.proposals.anchors);
    this.extra_norm = options.extraNorm ? new BatchNorm(C) : null;
    this.box_predictor = new BoxPredictor(C, options.classes);
    this.mask_predictor = options.hasMasks ? new MaskPredictor(C, options.classes) : null;
    this.#options = options;
  }

  /** Images [N, 3, H, W] to the map from which boxes are pooled, float32. */
  override forward(images: Tensor): Tensor {
    return this.#inPrecision(images, () => this.backbone.mapOf(images)).to("float32");
  }

  /**
   * The losses of a batch, its images filled up to one size. Several processes each give their own images, filled up to the size of all,
   * and have their part of each loss: the parts add up.
   */
  losses(images: Tensor, truths: readonly Truth[], streams: Streams): DetectionLosses {
    return scope(() => {
      const { proposals: options, boxes, proposalLossWeight } = this.#options;
      const map = this.forward(images); // [N, C / 2, h, w]
      const { predicted, anchors } = this.#predicted(map);
      const truth = truths.map((own) => own.boxes);
      const sums = proposalLossSums(predicted, anchors, truth, options, (i) => streams(i, "proposals"));
      const proposed = this.#proposed(predicted, anchors, truths, "training");
      const targets = truths.map((own, i) =>
        sampleProposals(proposed.boxes[i]!, own.boxes, own.classes, boxes, streams(i, "boxes")),
      );
      const group = this.training ? processGroup() : undefined;
      const all = sampledByAll({ anchors: sums.sampled, ...countsOf(targets) }, group);
      const ofProposals = (sum: Tensor) => sum.div(Math.max(1, all.anchors)).mul(proposalLossWeight);
      const ofBoxes = () => this.#regionLosses(map, targets, truths, all);
      return {
        objectness: ofProposals(sums.objectness),
        proposalBox: ofProposals(sums.proposalBox),
        ...(group && all.boxes === 0 ? alone(group, ofBoxes) : ofBoxes()), // a batch norm of no rows at all has no statistics
      };
    });
  }

  /** What it finds in each image. */
  detect(images: Tensor, sizes: readonly ImageSize[]): Found[] {
    return noGrad(() =>
      scope(() => {
        const map = this.forward(images);
        const { predicted, anchors } = this.#predicted(map);
        const own = sizes.map((size) => ({ size }));
        const { boxes } = this.#proposed(predicted, anchors, own, "testing");
        return boxes.map((proposals, i) => this.#found(map.narrow(0, i, 1), proposals, sizes[i]!));
      }),
    );
  }

  #predicted(map: Tensor) {
    const predicted = this.#inPrecision(map, () => this.rpn.predict(map));
    return { predicted, anchors: anchorsFor(map, this.#options.proposals.anchors) };
  }

  #proposed(
    predicted: { logits: Tensor; deltas: Tensor },
    anchors: Tensor,
    images: readonly { size: ImageSize }[],
    mode: "training" | "testing",
  ): Proposed {
    const sizes = images.map(({ size }) => size);
    return proposalsOf(predicted, anchors, sizes, this.#options.proposals, mode);
  }

  /** The last stage on what the map shows within boxes. */
  #regions(map: Tensor, boxes: readonly Tensor[]): Tensor {
    const { pooledSize: size, samples, isAligned, proposals } = this.#options;
    const pooled = roiAlign(map, boxes, { size, scale: 1 / proposals.anchors.stride, samples, isAligned }); // [R, C / 2, P, P]
    return this.#inPrecision(map, () => {
      const last = this.backbone.layer4.forward(pooled.contiguous("channels_last")); // [R, C, P / 2, P / 2]
      return this.extra_norm?.forward(last) ?? last;
    });
  }

  /** The losses of sampled proposals; every layer has its part in them even where there are none, so that processes stay in step. */
  #regionLosses(map: Tensor, targets: readonly BoxTargets[], truths: readonly Truth[], all: SampledCounts) {
    const boxes = targets.map((own) => own.boxes);
    const regions = this.#regions(map, boxes); // [R, C, P / 2, P / 2]
    const losses = boxLosses(this.#boxPredictions(regions), targets, all.boxes, this.#options.boxes.beta);
    const predictor = this.mask_predictor;
    return predictor ? { ...losses, mask: this.#maskLoss(predictor, regions, targets, truths, all.objects) } : losses;
  }

  #boxPredictions(regions: Tensor) {
    const features = regions.to("float32").mean({ dim: [2, 3] }); // [R, C]
    return this.#inPrecision(regions, () => this.box_predictor.predict(features));
  }

  #maskLoss(
    predictor: MaskPredictor,
    regions: Tensor,
    targets: readonly BoxTargets[],
    truths: readonly Truth[],
    all: number,
  ): Tensor {
    const starts = targets.map((_, i) => targets.slice(0, i).reduce((sum, { classes }) => sum + classes.length, 0));
    const own = targets.map(({ objects }, i) => regions.narrow(0, starts[i]!, objects));
    const classes = Int32Array.from(targets.flatMap(({ classes, objects }) => [...classes.subarray(0, objects)]));
    const logits = this.#inPrecision(regions, () => predictor.forward(cat(own))); // [objects, K + 1, P, P]
    const wanted = targets.map(({ boxes, matches, objects }, i) =>
      maskTargets(truths[i]!.bitmaps!, boxes.narrow(0, 0, objects), matches, logits.size(2)),
    );
    return maskLoss(logits, classes, cat(wanted), all);
  }

  #found(map: Tensor, proposals: Tensor, size: ImageSize): Found {
    const predictions = this.#boxPredictions(this.#regions(map, [proposals]));
    const found = detectionsOf(predictions, proposals, size, this.#options.boxes);
    const predictor = this.mask_predictor;
    if (!predictor) return found;
    const logits = this.#inPrecision(map, () => predictor.forward(this.#regions(map, [found.boxes])));
    return { ...found, masks: ofOwnClass(logits, found.classes).sigmoid() }; // [D, P, P]
  }

  #inPrecision<T>(like: Tensor, body: () => T, ...refused: RefusedPromise<T>): T {
    const dtype = this.precision === "bf16" ? "bfloat16" : "float32";
    return autocast({ dtype, device: like.device.split(":")[0]! }, body, ...refused);
  }
}

const countsOf = (targets: readonly BoxTargets[]) => ({
  boxes: targets.reduce((sum, { classes }) => sum + classes.length, 0),
  objects: targets.reduce((sum, own) => sum + own.objects, 0),
});
