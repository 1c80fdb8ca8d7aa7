// What a fork may do better, as settings: offered beside an alarm, decided by a person.
import { authorsBaseRate } from "../../nn/index.ts";
import type { Alarm, Proposal } from "../run/log.ts";
import type { Settings } from "../settings/settings.ts";
import type { CollapseFinding, RepresentationHealth } from "../watch.ts";

type Values = Proposal["settings"];

/** A fork from a step; null: the newest checkpoint, 0: a new run. */
export const forkFrom = (from: number | null, settings: Values, why: string): Proposal => ({ settings, from, why });

/** The learning rate, and that of the biases where they have their own, times a factor. */
function rates({ optimizer, batchSize }: Settings, factor: number): Values {
  const { learningRate, biasLearningRate } = optimizer;
  const base = learningRate === "authors" ? authorsBaseRate(batchSize) : learningRate;
  const scaled = (rate: number) => Number((factor * rate).toPrecision(6));
  return {
    "optimizer.learningRate": scaled(base),
    ...(biasLearningRate !== null && { "optimizer.biasLearningRate": scaled(biasLearningRate) }),
  };
}

/** Half the learning rate. */
export const half = (settings: Settings): Values => rates(settings, 0.5);

/** Guards that were taken away, which a method needs: with what they are put back. */
const guards: readonly (readonly [key: keyof Settings, off: unknown, on: unknown])[] = [
  ["negatives", false, true],
  ["sinkhorn", false, true],
  ["stopGradient", false, true],
  ["predictor", "none", "4096"],
  ["terms", "invariance", "both"],
];

function guardOf(settings: Settings): Values | undefined {
  const found = guards.find(([key, off]) => settings[key] === off);
  return found && { [found[0]]: found[2] };
}

/** What a fallen run should have had, and from where: a checkpoint from before the fall, else a new run. */
function afterCollapse(settings: Settings, { kind }: CollapseFinding, before: number | undefined): Proposal {
  const guard = guardOf(settings);
  const from = guard ? 0 : (before ?? 0);
  if (guard) return forkFrom(0, guard, "what keeps the method from collapsing was taken away");
  if (kind !== "repeats")
    return forkFrom(
      from,
      half(settings),
      before === undefined ? "no checkpoint is older than the fall" : "saved before the fall",
    );
  return forkFrom(from, redundancy(settings), "the term against repetition weighs too little");
}

function redundancy({ lambda, covariance }: Settings): Values {
  if (lambda !== undefined) return { lambda: Math.min(1, 2 * lambda) };
  return { covariance: Math.max(1, 2 * (covariance ?? 1)) };
}

const orNull = (value: number | undefined): number | null =>
  value === undefined || !Number.isFinite(value) ? null : value;

/** The alarm of a collapse; `before` is the newest checkpoint from before it. */
export const collapseAlarm = (
  settings: Settings,
  finding: CollapseFinding,
  health: RepresentationHealth,
  before: number | undefined,
): Alarm => ({
  kind: "collapse",
  evidence: {
    featureStd: orNull(health.featureStd),
    effectiveRank: orNull(health.effectiveRank),
    deadDimensions: orNull(health.deadDimensions),
    ...(health.recognition !== undefined && { recognition: orNull(health.recognition) }),
  },
  proposal: afterCollapse(settings, finding, before),
});

/** The alarm of a loss that is not finite; `saved` is whether there is a checkpoint to fork from. */
export const notFiniteAlarm = (
  settings: Settings,
  precision: "bf16" | "fp32",
  facts: { step: number; learningRate: number },
  saved: boolean,
): Alarm => ({
  kind: "not finite",
  evidence: { loss: null, ...facts },
  proposal: forkFrom(
    saved ? null : 0,
    { ...rates(settings, 0.3), ...(precision === "bf16" && { precision: "fp32" }) },
    precision === "bf16" ? "a smaller rate, and numbers that do not overflow so soon" : "a smaller rate",
  ),
});
