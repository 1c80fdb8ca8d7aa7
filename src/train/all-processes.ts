// A step among several processes.  N images of the batch, n of them in this process
import type { BuiltMethod } from "../methods/index.ts";
import { namedParameters, withPlaces } from "../nn/index.ts";
import {
  gatherRows,
  openGradientSum,
  processGroup,
  rowsOfRank,
  type SharedParameter,
  type Tensor,
} from "../torch/index.ts";
import type { TrainState } from "./state.ts";

/** This process's rows among those of the batch, which all processes hold together; undefined where it is alone. */
function ownRows({ settings }: Pick<TrainState, "settings">): { start: number; end: number } | undefined {
  const group = processGroup();
  return group && rowsOfRank(settings.batchSize, group);
}

/** [n, ...] of each process as [N, ...] in all of them; every process then computes the whole loss, exactly that of one process. */
export function ofAllProcesses({ settings }: TrainState, rows: Tensor): Tensor {
  const group = processGroup();
  return group ? gatherRows(rows, settings.batchSize, group) : rows;
}

/** Runs `body` with this process's places in the batch told to shuffles and to batch norms that work in groups. */
export function withOwnPlaces<T>(state: TrainState, body: () => T): T {
  const rows = ownRows(state);
  if (!rows) return body();
  const own = Uint32Array.from({ length: rows.end - rows.start }, (_, i) => rows.start + i);
  return withPlaces({ own, total: state.settings.batchSize }, body);
}

/**
 * From here on gradients travel as they come: those of the heads, or of all that is learned. Through trunk and heads each process passes
 * back the gradient of its own rows, so theirs are summed; what the loss reads by itself has its whole gradient in each process, and the
 * mean of them keeps the processes alike to the bit.
 */
export function shareGradients(state: TrainState, part: "heads" | "all"): void {
  const group = processGroup();
  if (!group) return;
  state.gradientSum ??= openGradientSum(stagesOf(state.method), group);
  state.gradientSum.open(part === "heads" ? 1 : 2);
}

/** Waits until every gradient is that of the whole batch. */
export function finishGradients({ gradientSum }: TrainState): void {
  gradientSum?.finish();
}

/** Heads, whose gradients one pass completes, and the trunk, whose gradients may come in parts. */
function stagesOf({ trainable, readByLoss = [] }: BuiltMethod): SharedParameter[][] {
  const { backbone, ...heads } = trainable;
  const sharedOf = (networks: BuiltMethod["trainable"]) =>
    [...namedParameters(networks)].map(([name, parameter]) => ({
      parameter,
      isWhole: readByLoss.includes(name.split(".")[0]!),
    }));
  return [sharedOf(heads), sharedOf(backbone ? { backbone } : {})];
}
