// The protocols as commands; how to add one stands in src/work/evaluation/protocols.ts.
import type { ProtocolName } from "../../../../work/index.ts";
import type { ProtocolCommand } from "../protocol-command.ts";
import { detect, segment } from "./detection.ts";
import { fewShot } from "./few-shot.ts";
import { finetune } from "./finetune.ts";
import { knn } from "./knn.ts";
import { linear } from "./linear.ts";
import { robustness } from "./robustness.ts";
import { transfer } from "./transfer.ts";
import { unlabelled } from "./unlabelled.ts";

export const protocolCommands: { readonly [Name in ProtocolName]: ProtocolCommand<Name> } = {
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
