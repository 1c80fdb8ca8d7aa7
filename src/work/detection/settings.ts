// What a detector is trained with: schedules as data, and settings on top of them.
import { z } from "zod";
import { type DetectorOptions, usualDetector } from "../../detect/index.ts";
import { displayName, nearest, SelfsightError } from "../../errors.ts";
import { neededFor } from "../../train/index.ts";

const whole = (least: number) => z.number().int().min(least);

/** Names and meanings of what may be set; each schedule says all of it. */
export const detectionSettingsSchema = z.strictObject({
  steps: whole(1).describe("training steps"),
  batchSize: whole(1).describe("pictures of a step"),
  learningRate: z.number().positive().describe("peak rate of SGD with momentum 0.9"),
  drops: z.array(whole(0)).describe("steps at which the rate falls to a tenth"),
  warmupSteps: whole(0).describe("steps over which the rate rises to its peak"),
  warmupFactor: z.number().min(0).max(1).describe("share of the peak rate at which it begins"),
  weightDecay: z.number().min(0).describe("of all weights but those of batch norms"),
  shortSides: z.array(whole(16)).min(1).describe("shorter sides to which pictures are brought, one drawn for each"),
  longSide: whole(16).describe("no longer side than this"),
  testShortSide: whole(16).describe("shorter side when it is measured or used"),
  crop: whole(16).nullable().describe("side of the square that is cut out in training; null: the whole picture"),
  anchorSizes: z
    .array(z.number().positive())
    .min(1)
    .nullable()
    .describe("in pixels; null: 2 to 32 strides of the trunk"),
  proposals: z
    .strictObject({ training: z.tuple([whole(1), whole(1)]), testing: z.tuple([whole(1), whole(1)]) })
    .describe("boxes before and after they strike each other out"),
  sampledAnchors: whole(2).describe("anchors of a picture that a step learns from"),
  sampledBoxes: whole(2).describe("proposals of a picture that a step learns from"),
  pooledSize: whole(2).describe("places along each side of what the last stage gets of a box; a mask has as many"),
  proposalLossWeight: z.number().min(0).describe("multiplies the losses of the proposals"),
  preciseNormSteps: whole(0).describe("batches over which batch norm's statistics are taken anew at the end"),
  checkpointEverySteps: whole(1).describe("steps between saves"),
  logEverySteps: whole(1).describe("steps between lines of the log"),
  seed: whole(0).describe("of first weights of the heads, order, crops, flips and samples"),
});

export type DetectionSettings = z.infer<typeof detectionSettingsSchema>;

const sidesFrom = (least: number, most: number): number[] =>
  Array.from({ length: (most - least) / 32 + 1 }, (_, i) => least + 32 * i);

const ofDetectron = {
  batchSize: 16,
  weightDecay: 1e-4,
  longSide: 1333,
  testShortSide: 800,
  crop: null,
  anchorSizes: null,
  proposals: { training: [12000, 2000], testing: [6000, 1000] },
  sampledAnchors: 256,
  sampledBoxes: 512,
  pooledSize: 14,
  proposalLossWeight: 1,
  preciseNormSteps: 200,
  checkpointEverySteps: 1000,
  logEverySteps: 20,
  seed: 0,
} satisfies Partial<DetectionSettings>;

/** The paper's two (arXiv 2103.03230, section 3.3 and appendix; steps, sides and samples as MoCo's detectron2 files), and one for small sets. */
export const schedules = {
  /** Faster R-CNN on VOC07+12: 24k steps, rate 0.1, a tenth at 18k and 22k. */
  voc: {
    ...ofDetectron,
    steps: 24_000,
    learningRate: 0.1,
    drops: [18_000, 22_000],
    warmupSteps: 1000,
    warmupFactor: 0.333,
    shortSides: sidesFrom(480, 800),
  },
  /** Mask R-CNN on COCO, 1x: 90k steps, rate 0.03, a tenth at 60k and 80k. */
  "coco-1x": {
    ...ofDetectron,
    steps: 90_000,
    learningRate: 0.03,
    drops: [60_000, 80_000],
    warmupSteps: 1000,
    warmupFactor: 0.001,
    shortSides: sidesFrom(640, 800),
  },
  /** Minutes on two cores, for some dozens of pictures. */
  small: {
    ...ofDetectron,
    steps: 300,
    batchSize: 8,
    learningRate: 0.1,
    drops: [220, 270],
    warmupSteps: 30,
    warmupFactor: 0.1,
    shortSides: [112, 128, 144],
    longSide: 224,
    testShortSide: 128,
    proposals: { training: [1000, 300], testing: [1000, 200] },
    sampledAnchors: 128,
    sampledBoxes: 16,
    pooledSize: 8,
    preciseNormSteps: 10,
    checkpointEverySteps: 100,
    logEverySteps: 10,
  },
} as const satisfies Record<string, DetectionSettings>;

export type ScheduleName = keyof typeof schedules;
export const scheduleNames = Object.keys(schedules) as ScheduleName[];

export type PartialDetectionSettings = { [Key in keyof DetectionSettings]?: DetectionSettings[Key] | undefined };

/**
 * A schedule with changes on top. With another number of steps its drops and warm-up stay at their shares of the run, unless they are
 * given too. Errors: configuration, naming the key.
 */
export function resolveDetection(name: ScheduleName, changes: PartialDetectionSettings): DetectionSettings {
  const schedule: DetectionSettings = schedules[name];
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const parsed = detectionSettingsSchema.safeParse({ ...schedule, ...stretched(schedule, given.steps), ...given });
  if (parsed.success) return parsed.data;
  throw refusal(parsed.error.issues[0]!, given);
}

function stretched({ steps, drops, warmupSteps }: DetectionSettings, wanted: unknown): Partial<DetectionSettings> {
  if (typeof wanted !== "number") return {};
  const part = (step: number) => Math.round((step * wanted) / steps);
  return { drops: drops.map(part), warmupSteps: part(warmupSteps) };
}

function refusal(issue: z.core.$ZodIssue, given: Record<string, unknown>): SelfsightError {
  const known = Object.keys(detectionSettingsSchema.shape);
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const guess = nearest(key, known);
    const hint = guess === undefined ? "" : ` Did you mean ${guess}?`;
    return new SelfsightError(
      "configuration",
      `evaluate: ${displayName(key)}: no such setting; there are ${known.join(", ")}; choose one.${hint}`,
    );
  }
  const key = String(issue.path[0]);
  return new SelfsightError(
    "configuration",
    `evaluate: ${issue.path.join(".")} ${displayName(JSON.stringify(given[key]) ?? "")}: ${neededFor(issue, detectionSettingsSchema)}`,
  );
}

/** The network that settings describe, on a trunk of this stride. */
export function detectorOptions(
  settings: DetectionSettings,
  stride: number,
  own: Pick<DetectorOptions, "classes" | "hasMasks">,
): DetectorOptions {
  const usual = usualDetector(stride, own);
  const { training, testing } = settings.proposals;
  const { sizes } = usual.proposals.anchors;
  return {
    ...usual,
    pooledSize: settings.pooledSize,
    proposalLossWeight: settings.proposalLossWeight,
    proposals: {
      ...usual.proposals,
      anchors: { stride, sizes: settings.anchorSizes ?? sizes },
      preNms: { training: training[0], testing: testing[0] },
      postNms: { training: training[1], testing: testing[1] },
      sample: { ...usual.proposals.sample, size: settings.sampledAnchors },
    },
    boxes: { ...usual.boxes, sample: { ...usual.boxes.sample, size: settings.sampledBoxes } },
  };
}
