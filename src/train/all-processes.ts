// A step among several processes.  N images of the batch, n of them in this process
import type { BuiltMethod } from "../methods/index.ts";
import { namedParameters, withPlaces } from "../nn/index.ts";
import { gatherRows, noGrad, processGroup, rowsOfRank, sumOverProcesses, type Tensor } from "../torch/index.ts";
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
 * Gradients of the whole batch. Through trunk and heads each process has passed back the gradient of its own rows, so theirs are summed;
 * what the loss reads by itself has its whole gradient in each process, and the mean of them keeps the processes alike to the bit.
 */
export function shareGradients({ trainable, readByLoss = [] }: BuiltMethod): void {
  const group = processGroup();
  if (!group) return;
  const parts = [...namedParameters(trainable)].flatMap(([name, { grad }]) => (grad ? [{ name, grad }] : []));
  for (const { name, grad } of parts) if (readByLoss.includes(name.split(".")[0]!)) noGrad(() => grad.div_(group.size));
  sumOverProcesses(
    parts.map(({ grad }) => grad),
    group,
  );
}
