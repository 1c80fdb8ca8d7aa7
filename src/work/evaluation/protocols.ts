/**
 * The protocols of `evaluate`. To add one:
 *
 * 1. `NAME.ts` in this room: the interface of its own options, documented, and a `Protocol` that names them with what is allowed and
 *    says what is run. One that sees features alone is `onFeatures(...)`; any other opens what it needs (`labelledFor`,
 *    `openRepresentation`, `weightsOf`) and frees it. What is heavy to load is imported inside `run`.
 * 2. Here a line in `Protocols` and one in `protocols`; where a public type is new, a line in ../index.ts.
 * 3. On the command line `src/cli/commands/evaluate/protocols/NAME.ts` (flags, example, what is printed) and a line in the table
 *    there. A test holds both tables to each other.
 * 4. A section in docs/evaluate.md: command, the output that it gave, how long it took, the paper's row.
 *
 * Nothing else knows the names: refusals, help and completion read these tables. An option that several protocols have stands in
 * each of them; an option of another protocol is refused, since it would do nothing.
 */
import type {
  Evaluation,
  FewShotResult,
  FineTuneResult,
  LinearProbeResult,
  ScheduledLinearResult,
} from "../../evaluate/index.ts";
import { type DetectionProtocolOptions, type DetectionReport, detect, segment } from "./detection.ts";
import { type FewShotProtocolOptions, fewShot } from "./few-shot.ts";
import { type FinetuneProtocolOptions, finetune } from "./finetune.ts";
import { type KnnProtocolOptions, knn } from "./knn.ts";
import { type LinearProtocolOptions, linear } from "./linear.ts";
import type { Circumstances } from "./on-features.ts";
import type { Protocol } from "./protocol.ts";
import { type RobustnessProtocolOptions, type RobustnessReport, robustness } from "./robustness.ts";
import { type TransferProtocolOptions, type TransferReport, transfer } from "./transfer.ts";
import { type UnlabelledReport, unlabelled } from "./unlabelled.ts";

/** What each protocol may be told, and what it reports. */
export interface Protocols {
  knn: { options: KnnProtocolOptions; report: Evaluation & Circumstances };
  linear: { options: LinearProtocolOptions; report: (LinearProbeResult | ScheduledLinearResult) & Circumstances };
  "few-shot": { options: FewShotProtocolOptions; report: FewShotResult & Circumstances };
  finetune: { options: FinetuneProtocolOptions; report: FineTuneResult & Circumstances };
  robustness: { options: RobustnessProtocolOptions; report: RobustnessReport };
  unlabelled: { options: object; report: UnlabelledReport };
  transfer: { options: TransferProtocolOptions; report: TransferReport };
  detect: { options: DetectionProtocolOptions; report: DetectionReport };
  segment: { options: DetectionProtocolOptions; report: DetectionReport };
}

export type ProtocolName = keyof Protocols;

export const protocols: {
  readonly [Name in ProtocolName]: Protocol<Protocols[Name]["options"], Protocols[Name]["report"]>;
} = {
  knn,
  linear,
  "few-shot": fewShot,
  finetune,
  robustness,
  unlabelled,
  transfer,
  detect,
  segment,
};
