// N images, D features of an embedding, S features of the corner that is kept
import { batches, openDataset } from "../../data/index.ts";
import { crossCorrelation } from "../../methods/index.ts";
import { noGrad, scope } from "../../torch/index.ts";
import {
  buildState,
  type Checkpoint,
  decodeSizeOf,
  embedBatch,
  freeState,
  loadNewestCheckpoint,
  restore,
  rulesOf,
  type TrainState,
} from "../../train/index.ts";
import type { Correlation } from "./cell-files.ts";
import type { CellJob } from "./cells.ts";

/** Features shown; a picture of more has no room on a page. */
const corner = 48;

/**
 * Corners of the cross-correlation matrix of the first two embeddings of one batch: with the run's first weights, and with its
 * last. Null where the method has no two embeddings of one shape.
 */
export async function correlationOfViews({ folder, data, settings }: CellJob) {
  const { limit, batchSize, seed } = settings;
  const rules = rulesOf(settings);
  const dataset = await openDataset(data, { split: "train", rules, ...(limit !== null && { limit }) });
  const batch = (await batches(dataset, { batchSize, seed, steps: 1, decodeSize: decodeSizeOf(settings) }).next())
    .value;
  if (!batch) return null;
  const at = (checkpoint?: Checkpoint): Correlation | null => {
    const state = buildState(settings, dataset);
    if (checkpoint) restore(state, checkpoint);
    const found = correlationAt(state, batch);
    freeState(state);
    return found;
  };
  const [start, end] = [at(), at(loadNewestCheckpoint(folder, () => {}))];
  return start && end ? { start, end } : null;
}

type Batch = Parameters<typeof embedBatch>[1];

const correlationAt = (state: TrainState, batch: Batch): Correlation | null =>
  noGrad(() =>
    scope(() => {
      const [zA, zB] = embedBatch(state, batch);
      if (!zA || !zB || zA.shape.join() !== zB.shape.join()) return null;
      const side = Math.min(corner, zA.size(1));
      const matrix = crossCorrelation(zA, zB).narrow(0, 0, side).narrow(1, 0, side); // [S, S]
      return { side, values: Array.from(matrix.contiguous().float32(), (value) => Math.round(1000 * value) / 1000) };
    }),
  );
