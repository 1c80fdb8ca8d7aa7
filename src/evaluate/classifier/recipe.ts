// How a classifier is trained on labelled pictures, as data.

export interface ClassifierRecipe {
  epochs: number;
  batchSize: number;
  momentum: number;
  nesterov: boolean;
  schedule: ClassifierSchedule;
}

/** How the rates fall, from one epoch to the next: along a cosine to 0, or by a factor at shares of the epochs. */
export type ClassifierSchedule = { kind: "cosine" } | { kind: "steps"; factor: number; at: readonly number[] };

/**
 * What the rates of an epoch are multiplied by. Cosine: (1 + cos(π e / E)) / 2. Steps: factor^s, s of the drops at or before e, each at
 * its share of E epochs, rounded up.
 */
export function epochFactor(schedule: ClassifierSchedule, epoch: number, epochs: number): number {
  if (schedule.kind === "cosine") return (1 + Math.cos((Math.PI * epoch) / epochs)) / 2;
  const drops = schedule.at.filter((share) => epoch >= Math.ceil(share * epochs - 1e-9)).length; // 12 / 20 of 20 is 12
  return schedule.factor ** drops;
}
