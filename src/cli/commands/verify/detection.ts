// The case `detection_ops`: N boxes, R regions.  What torchvision would do is held to it beside our own where it is there.
import {
  boxIou,
  plainNms,
  plainRoiAlign,
  type RoiAlignOptions,
  torchvisionNms,
  torchvisionRoiAlign,
} from "../../../detect/index.ts";
import { arange, cat, indexTensor, type Tensor, torchvisionProblem } from "../../../torch/index.ts";
import { type Case, type Comparison, compare, strict } from "./case.ts";

type Suppress = typeof plainNms;
type Align = typeof plainRoiAlign;

export function detectionCase(reference: Case): Comparison[] {
  const own = [...suppressed(reference, plainNms), ...aligned(reference, plainRoiAlign)];
  const others =
    torchvisionProblem() === null
      ? [...suppressed(reference, torchvisionNms), ...aligned(reference, torchvisionRoiAlign)]
      : [];
  const boxes = reference.get("boxes"); // [N, 4]
  return [compare(reference, "iou", boxIou(boxes, boxes)), ...own, ...others];
}

/** The kept places, one by one. */
function suppressed(reference: Case, suppress: Suppress): Comparison[] {
  const [boxes, scores] = [reference.get("boxes"), reference.get("scores")];
  return [0.5, 0.7].map((threshold) => {
    const name = `nms_${String(threshold).replace(".", "_")}`;
    const [kept, expected] = [suppress(boxes, scores, { threshold }), reference.get(name)].map((it) =>
      it.to("int64").data(),
    );
    return { name, error: String(kept) === String(expected) ? 0 : 1, tolerance: 0 };
  });
}

/** Pooled features and the gradient of sum(pooled · cos(0, 1, 2, ...)) for the map. */
function aligned(reference: Case, align: Align): Comparison[] {
  const features = reference.get("features").requiresGrad_(); // [2, C, H, W]
  const rois = reference.get("rois"); // [R, 5]: image, x1, y1, x2, y2
  const images = Array.from(rois.select(1, 0).float32());
  const options: RoiAlignOptions = { size: 7, scale: 0.2, samples: 2 };
  const { device } = reference;
  const groups = Array.from({ length: features.size(0) }, (_, image) => places(images, image).toDevice(device));
  const boxes = groups.map((own) => rois.narrow(1, 1, 4).indexSelect(0, own));
  const order = cat(groups).argsort();
  const pooled = align(features, boxes, options).indexSelect(0, order); // [R, C, 7, 7]
  const weights = arange(pooled.numel, { device: reference.device }).cos();
  pooled.reshape(-1).mul(weights).sum().backward();
  return [compare(reference, "roi_align", pooled, strict), compare(reference, "grad_features", features.grad!, strict)];
}

const places = (images: readonly number[], image: number): Tensor =>
  indexTensor(images.flatMap((own, row) => (own === image ? [row] : [])));
