import { z } from "zod";
import type { DetectionProtocolOptions, DetectionReport } from "../detection/evaluate.ts";
import type { Asked, Protocol } from "./protocol.ts";

export type { DetectionProtocolOptions, DetectionReport };

type DetectionProtocol = Protocol<DetectionProtocolOptions, DetectionReport>;

const own: DetectionProtocol["own"] = {
  schedule: z.enum(["voc", "coco-1x", "small"]).optional(),
  steps: z.number().int().min(1).optional(),
  seeds: z.number().int().min(1).max(100).optional(),
  out: z.string().min(1).optional(),
  set: z.union([z.array(z.string()), z.looseObject({})]).optional() as DetectionProtocol["own"]["set"],
};

const running = (task: "detect" | "segment") => async (asked: Asked<DetectionProtocolOptions>) =>
  (await import("../detection/evaluate.ts")).runDetection(task, asked);

const shared = { own, without: ["size", "rules"], isRunByAll: () => true } satisfies Partial<DetectionProtocol>;

/** Faster R-CNN on the trunk, everything tuned; COCO's average precisions of boxes. */
export const detect: DetectionProtocol = { ...shared, run: running("detect") };

/** Mask R-CNN on the trunk, everything tuned; COCO's average precisions of masks and boxes. */
export const segment: DetectionProtocol = { ...shared, run: running("segment") };
