// A file of detections scored against annotations; needs neither network nor pictures.
import { z } from "zod";
import {
  type DetectionSet,
  type Issue,
  IssueLog,
  objectsOf,
  openDetectionSet,
  type ReadResults,
  readCocoResults,
} from "../../data/annotations/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { type CategoryScore, type CocoNumbers, cocoScores } from "../../evaluate/detection/index.ts";
import { refuseUnfit } from "../../train/index.ts";

export interface ScoreOptions {
  /** What is laid over one another. Default "boxes". */
  of?: "boxes" | "masks";
  /** Whether a detection may belong to an object of any class. Default false. */
  classAgnostic?: boolean;
  /** The part of the annotations, see `openDetectionSet`. Default "all". */
  split?: string;
}

/** What a file of results is worth. */
export interface ScoreReport extends CocoNumbers {
  protocol: "coco-boxes-v1" | "coco-masks-v1";
  classAgnostic: boolean;
  /** Set and part of it. */
  data: string;
  split: string;
  images: number;
  /** Objects of all classes, crowds among them. */
  objects: number;
  detections: number;
  categories: CategoryScore[];
  /** What was wrong in the annotations. */
  issues: readonly Issue[];
  /** What was wrong in the results. */
  resultIssues: readonly Issue[];
}

const asked = z.looseObject({
  results: z.string().min(1).meta({ needed: "a path of COCO results" }),
  data: z.string().min(1).meta({ needed: "a folder or a COCO JSON file" }),
  of: z.enum(["boxes", "masks"]).optional(),
  classAgnostic: z.boolean().optional(),
  split: z.string().min(1).optional(),
});

/**
 * Scores a file of detections (COCO's result format) against annotations: COCO's twelve numbers, those of pycocotools, from 0 to 1. Pictures
 * need not be there.
 *
 * @throws SelfsightError "data" for files that cannot be read, for masks where there are none, and where no result can be used.
 */
export async function scoreResults(results: string, data: string, options: ScoreOptions = {}): Promise<ScoreReport> {
  refuseUnfit("scoreResults", asked, { results, data, ...options });
  const { of = "boxes", classAgnostic = false, split = "all" } = options;
  const set = await openDetectionSet(data, { split, withPictures: false });
  const read = readCocoResults(results, set);
  if (of === "masks") refuseMissingMasks(results, data, set, read);
  const { categories, ...numbers } = cocoScores(set, read.detections, { of, classAgnostic });
  return {
    protocol: `coco-${of}-v1`,
    classAgnostic,
    data: set.name,
    split: set.split,
    images: set.images.length,
    objects: set.objects.classes.length,
    detections: read.detections.reduce((sum, { scores }) => sum + scores.length, 0),
    ...numbers,
    categories,
    issues: of === "masks" ? [...set.issues, ...missingMasks(set)] : set.issues,
    resultIssues: read.issues,
  };
}

/** Objects of a set with masks that have none themselves. */
function missingMasks(set: DetectionSet): Issue[] {
  const issues = new IssueLog();
  set.images.forEach(({ id }, image) => {
    const { count, mask } = objectsOf(set, image);
    for (let object = 0; object < count; object++)
      if (mask(object) === undefined) issues.add("no-mask", `picture ${id}, object ${object + 1}`);
  });
  return issues.report();
}

function refuseMissingMasks(results: string, data: string, set: DetectionSet, { haveMasks }: ReadResults): void {
  const missing = !set.objects.masks ? data : haveMasks ? undefined : results;
  if (missing === undefined) return;
  throw new SelfsightError(
    "data",
    `score: masks were asked for, and ${displayName(missing)} ${missing === data ? "has none" : "does not have one for each result"}; segmentations are needed in both files; give them, or score boxes`,
  );
}
