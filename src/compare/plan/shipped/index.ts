/** The shipped plans; each opens with its command, hardware and time. */
import { type NeededSet, neededSets } from "../layouts.ts";
import { labelOf, type Plan, type PlanInput, parsePlan } from "../plan.ts";
import { ablationsQuick } from "./ablations-quick.ts";
import { cifar10Epochs200 } from "./cifar10-200-epochs.ts";
import { cifar10Epochs1000 } from "./cifar10-1000-epochs.ts";
import { methodsQuick } from "./methods-quick.ts";
import { paperTable1 } from "./paper-table-1.ts";
import { paperTable2 } from "./paper-table-2.ts";
import { paperTable3 } from "./paper-table-3.ts";
import { paperTable4 } from "./paper-table-4.ts";

export const plans = {
  "methods-quick": methodsQuick,
  "ablations-quick": ablationsQuick,
  "cifar10-200-epochs": cifar10Epochs200,
  "cifar10-1000-epochs": cifar10Epochs1000,
  "paper-table-1": paperTable1,
  "paper-table-2": paperTable2,
  "paper-table-3": paperTable3,
  "paper-table-4": paperTable4,
} as const satisfies Record<string, PlanInput>;

export interface PlanDescription {
  name: string;
  title: string;
  data: Plan["data"];
  rows: string[];
  /** Training runs: rows x seeds. */
  cells: number;
  cost: string;
  /** Large sets of the papers, and where they are; empty where none is needed. */
  needed: NeededSet[];
}

/** What `selfsight compare --list` says. */
export const describePlans = (): PlanDescription[] =>
  Object.entries(plans).map(([name, written]) => {
    const plan = parsePlan(written, name);
    const { title, data, rows, seeds, cost } = plan;
    const needed = neededSets(plan);
    return { name, title, data, rows: rows.map(labelOf), cells: rows.length * seeds.length, cost, needed };
  });
