/** LAYER 3: detection: boxes, anchors, proposals, heads, losses. */
export { type AnchorOptions, anchorsAtPlace, anchorsOf, usualAnchorSizes } from "./anchors.ts";
export type { BoxHeadOptions, FoundBoxes } from "./box-head.ts";
export {
  boxAreas,
  boxHeadWeights,
  boxIou,
  clipBoxes,
  type DeltaWeights,
  decodeBoxes,
  encodeBoxes,
  type ImageSize,
  proposalWeights,
} from "./boxes.ts";
export {
  type DetectionLosses,
  Detector,
  type DetectorOptions,
  type Found,
  type Streams,
  type Truth,
  usualDetector,
} from "./detector.ts";
export { pasteMask } from "./mask-head.ts";
export { type NmsOptions, nms, nmsByClass, plainNms, torchvisionNms } from "./nms.ts";
export { anchorsFor, type ProposalOptions, proposalsOf } from "./proposals.ts";
export { plainRoiAlign, type RoiAlignOptions, roiAlign, torchvisionRoiAlign } from "./roi-align.ts";
