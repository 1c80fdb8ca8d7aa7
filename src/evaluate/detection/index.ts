/** What detections are worth: COCO's and VOC's numbers. */
export { type CategoryScore, type CocoNumbers, type CocoScores, cocoScores, scoresOfMatches } from "./coco.ts";
export { type CocoMatches, type CocoMatchOptions, cocoMatches } from "./coco-matches.ts";
export { type VocCategoryScore, type VocMetric, type VocOptions, type VocScores, vocScores } from "./voc.ts";
