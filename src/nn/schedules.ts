// Schedules are factors of the base learning rate by step; pure functions, no tensors.

export interface WarmupCosine {
  totalSteps: number;
  warmupSteps: number;
  /** The factor at the end. Default 0.001, the official code's floor. */
  floor?: number;
}

/**
 * Linear from 0 over the warm-up, then f = c + floor (1 − c) with c = (1 + cos(π (s − warm) / (total − warm))) / 2: the
 * schedule of the official Barlow Twins code, per step (arXiv 2103.03230, section 2.2).
 */
export function warmupCosine(step: number, { totalSteps, warmupSteps, floor = 0.001 }: WarmupCosine): number {
  if (step < warmupSteps) return step / warmupSteps;
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  const cosine = (1 + Math.cos(Math.PI * progress)) / 2;
  return cosine + floor * (1 - cosine);
}

export interface WarmupSteps {
  /** Steps at which the rate falls to a tenth. */
  drops: readonly number[];
  warmupSteps: number;
  /** The factor of step 0. */
  warmupFactor: number;
}

/** Linear from `warmupFactor` to 1 over the warm-up, then a tenth less at each drop: f = 0.1^(drops passed) · warm-up (detectron2's). */
export function warmupSteps(step: number, { drops, warmupSteps, warmupFactor }: WarmupSteps): number {
  const passed = drops.filter((drop) => step >= drop).length;
  const share = warmupSteps === 0 ? 1 : Math.min(1, step / warmupSteps);
  return 0.1 ** passed * (warmupFactor + share * (1 - warmupFactor));
}

/** [batch, base rate of weights] as the authors used them for 300 epochs (the paper's figure 2). */
const authorsBaseRates = [
  [128, 0.7],
  [256, 0.4],
  [512, 0.3],
  [1024, 0.25],
  [2048, 0.2],
  [4096, 0.2],
] as const;

/** The base learning rate for LARS, to be multiplied by batch / 256; between the authors' values by interpolation over log batch. */
export function authorsBaseRate(batchSize: number): number {
  const above = authorsBaseRates.findIndex(([batch]) => batch >= batchSize);
  if (above === 0) return authorsBaseRates[0][1];
  if (above < 0) return authorsBaseRates[authorsBaseRates.length - 1]![1];
  const [lowBatch, lowRate] = authorsBaseRates[above - 1]!;
  const [highBatch, highRate] = authorsBaseRates[above]!;
  const share = Math.log(batchSize / lowBatch) / Math.log(highBatch / lowBatch);
  return lowRate + share * (highRate - lowRate);
}
