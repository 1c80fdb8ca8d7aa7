// Processes that learn a classifier together.  B pictures of a batch, b of them in this process
import type { ParameterGroup } from "../../nn/index.ts";
import {
  type GradientSum,
  gatherRows,
  openGradientSum,
  openNccl,
  processGroup,
  rowsOfRank,
  setProcessGroup,
  type Tensor,
  takeFrom,
} from "../../torch/index.ts";
import { companionsOf, type Sharing } from "../shared-batches.ts";
import type { EpochShare } from "./epoch-batches.ts";

/** What a process does with the others in every step. */
export interface Company {
  share: EpochShare;
  gradients: GradientSum;
  /** [b, ...] of each process as [B, ...] in all of them, so that each computes the whole loss. */
  gather(rows: Tensor, total: number): Tensor;
  leave(): void;
}

interface Joining {
  groups: readonly ParameterGroup[];
  device: string;
  sharing?: Sharing | undefined;
}

/** All begin with the first one's weights, and batch norm that trains is that of all. Undefined where this process is alone. To be left. */
export function joinCompany({ groups, device, sharing }: Joining): Company | undefined {
  const team = companionsOf(sharing);
  if (!team) return undefined;
  const { group } = team;
  const parameters = groups.flatMap((own) => [...own.parameters.values()]);
  const before = processGroup();
  openNccl(group, device);
  takeFrom(0, parameters, group);
  const gradients = openGradientSum([parameters.map((parameter) => ({ parameter, isWhole: false }))], group);
  setProcessGroup(group);
  return {
    share: shareOf(sharing!),
    gradients,
    gather: (rows, total) => gatherRows(rows, total, group),
    leave() {
      setProcessGroup(before);
      gradients.close();
    },
  };
}

/** A wish to stop travels with what was found bad. */
function shareOf({ team, isStopping, onWish }: Sharing): EpochShare {
  return {
    rowsOf: (total) => rowsOfRank(total, team),
    union(own) {
      const [found, wishes] = team.sums([own.length, Number(isStopping?.() === true)]) as [number, number];
      if (wishes > 0) onWish?.();
      return found > 0 ? team.union(own) : [];
    },
  };
}
