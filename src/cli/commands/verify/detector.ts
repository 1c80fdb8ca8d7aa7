// The case `detector`: a small Mask R-CNN of torchvision's.  N images, G true boxes
import {
  anchorsFor,
  Detector,
  type DetectorOptions,
  type ImageSize,
  proposalsOf,
  type Truth,
  usualDetector,
} from "../../../detect/index.ts";
import { freeNetwork, loadParameterFormula, moveNetwork, namedParameters, resnet } from "../../../nn/index.ts";
import { noGrad, type Tensor, tensor, zeros } from "../../../torch/index.ts";
import { type Case, type Comparison, compare, gradientNorms } from "./case.ts";

/** As bench/peers/detector_torchvision.py has it: all boxes sampled, two samples of a place, values at their corners. */
function optionsOfCase(): DetectorOptions {
  const usual = usualDetector(4, { classes: 3, hasMasks: true });
  const all = { size: 100_000, positiveShare: 1 };
  return {
    ...usual,
    proposals: {
      ...usual.proposals,
      anchors: { stride: 4, sizes: [8, 16, 32] },
      preNms: { training: 300, testing: 200 },
      postNms: { training: 100, testing: 50 },
      sample: all,
      beta: 1 / 9,
    },
    boxes: { ...usual.boxes, sample: all, beta: 1 / 9, detections: 20 },
    samples: 2,
    isAligned: false,
  };
}

const isTenth = (name: string) => /cls_logits|rpn\.bbox_pred|box_predictor|mask_fcn/.test(name);

function networkOfCase(options: DetectorOptions, device: string): Detector {
  const trunk = resnet("resnet18", { stem: "small", width: 4 });
  const network = new Detector(trunk, options);
  loadParameterFormula(network);
  noGrad(() => {
    for (const [name, parameter] of namedParameters(network)) if (isTenth(name)) parameter.mul_(0.1);
  });
  moveNetwork(network, device);
  return network;
}

/** Losses and gradients of one training step, then what is found with the statistics that it left. */
export function detectorCase(reference: Case): Comparison[] {
  const options = optionsOfCase();
  const sizes = sizesOf(reference);
  const withNetwork = (measure: (network: Detector) => Comparison[]) => {
    const network = networkOfCase(options, reference.device);
    try {
      return measure(network);
    } finally {
      freeNetwork(network);
    }
  };
  return [
    ...withNetwork((network) => proposed(reference, network, options, sizes)),
    ...withNetwork((network) => [...learned(reference, network, sizes), ...found(reference, network.eval(), sizes)]),
  ];
}

const sizesOf = ({ metadata }: Case): ImageSize[] =>
  (JSON.parse(metadata.sizes!) as [number, number][]).map(([height, width]) => ({ height, width }));

function proposed(
  reference: Case,
  network: Detector,
  { proposals }: DetectorOptions,
  sizes: ImageSize[],
): Comparison[] {
  const map = noGrad(() => network.forward(reference.get("x"))); // [N, C, h, w]
  const predicted = noGrad(() => network.rpn.predict(map));
  const { boxes } = proposalsOf(predicted, anchorsFor(map, proposals.anchors), sizes, proposals, "training");
  return [
    compare(reference, "map", map),
    compareOrdered(reference, "logits", predicted.logits, 1),
    compareOrdered(reference, "deltas", predicted.deltas, 4),
    ...boxes.map((own, image) => compareAsSet(reference, `proposals_${image}`, own)),
  ];
}

/** Boxes in the order of where they lie: torchvision sorts by σ(logit), whose roundings are ties that the logits are not. */
function compareAsSet(reference: Case, name: string, boxes: Tensor): Comparison {
  const weights = tensor([1, 10, 100, 1000], [4, 1], { device: reference.device });
  const sorted = (rows: Tensor) => rows.indexSelect(0, rows.matmul(weights).reshape(-1).argsort());
  const [own, stored] = [sorted(boxes), sorted(reference.get(name))];
  return compare({ ...reference, get: () => stored }, name, own);
}

/** Stored as the convolution leaves it, [N, A of, h, w]; ours is [N, h w A, of]. */
function compareOrdered(reference: Case, name: string, computed: Tensor, of: number): Comparison {
  const [N, channels, h, w] = reference.get(name).shape as [number, number, number, number];
  return compare(reference, name, computed.reshape(N, h, w, channels / of, of).permute(0, 3, 4, 1, 2));
}

function learned(reference: Case, network: Detector, sizes: ImageSize[]): Comparison[] {
  const truths = sizes.map((size, image) => truthOf(reference, size, image));
  const losses = network.losses(reference.get("x"), truths, () => noRandomness);
  const names = ["objectness", "proposalBox", "class", "box"] as const;
  const loss = names.map((name) => losses[name]).reduce((sum, part) => sum.add(part)); // []
  loss.backward();
  return [...names.map((name) => compare(reference, name, losses[name])), ...gradientNorms(reference, network)];
}

/** All are sampled. */
const noRandomness = () => 0;

function truthOf(reference: Case, size: ImageSize, image: number): Truth {
  const boxes = reference.get(`boxes_${image}`); // [G, 4]
  const classes = Int32Array.from(reference.get(`labels_${image}`).float32());
  return {
    size,
    boxes,
    classes,
    bitmaps: zeros([classes.length, 64, 64], { dtype: "uint8", device: reference.device }),
  };
}

function found(reference: Case, network: Detector, sizes: ImageSize[]): Comparison[] {
  return network
    .detect(reference.get("x"), sizes)
    .flatMap(({ boxes, scores, classes, masks }, image) => [
      compare(reference, `found_boxes_${image}`, boxes),
      compare(reference, `found_scores_${image}`, tensor(scores)),
      compare(reference, `found_labels_${image}`, tensor(classes)),
      compare(reference, `found_masks_${image}`, masks!),
    ]);
}
