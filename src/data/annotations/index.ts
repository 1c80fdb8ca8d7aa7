/** What pictures show where: VOC's and COCO's annotations as one type. Knows nothing of torch. */
export { type CocoResult, cocoResults, type ReadResults, readCocoResults } from "./coco/results.ts";
export {
  type Category,
  type DetectionImage,
  type DetectionSet,
  type ImageObjects,
  type MaskTable,
  type ObjectTable,
  objectsOf,
  type StoredMask,
} from "./detection-set.ts";
export type { Detections } from "./detections.ts";
export { describeIssue, type Issue, type IssueKind, IssueLog } from "./issues.ts";
export { type MultiLabelData, type OpenMultiLabelOptions, openMultiLabel } from "./multi-label.ts";
export { type OpenDetectionOptions, openDetectionSet } from "./open.ts";
export { chosenImages } from "./set-builder.ts";
export { rasterised } from "./stored-masks.ts";
