// Alarms: what a person should act on, said with the figures that it rests on and a fork that may do better. The collapse watch and the
// refusal of what is not finite find their own; data wait and stagnation are found here, from the events of the log alone.
import type { Alarm, LogEvent, Proposal } from "../run/log.ts";
import type { Settings } from "../settings/settings.ts";
import { forkFrom, half } from "./proposals.ts";

export interface Raised {
  message: string;
  alarm: Alarm;
}

export interface AlarmWatch {
  /** Takes the next event of a run's log; returns an alarm when there is a new one. */
  observe(event: LogEvent): Raised | undefined;
}

export interface AlarmFacts {
  settings: Settings;
  totalSteps: number;
  warmupSteps: number;
  /** Peak learning rate of the weights. */
  peak: number;
}

/** Both watches; each says its alarm once, and again only after it was well for a while. */
export function alarmWatch(facts: AlarmFacts): AlarmWatch {
  const watches = [dataWaitWatch(facts), stagnationWatch(facts)];
  return {
    observe(event) {
      const raised = watches.map((watch) => watch.observe(event));
      return raised.find((one) => one !== undefined);
    },
  };
}

// ---- data wait ----

/** So many logged steps, and so long, that no hiccup of a disk counts. */
const waitEvents = 20;
const waitSeconds = 60;
/** Half of the time is twice the time. */
const longWait = 0.5;
const shortWait = 0.25;

/** The share of the last minute or more in which the run waited for pictures. */
function dataWaitWatch({ settings }: AlarmFacts): AlarmWatch {
  let recent: { share: number; seconds: number; step: number }[] = [];
  let isSaid = false;
  return {
    observe(event) {
      if (event.event === "start") recent = [];
      if (event.event !== "step" || !(event.imagesPerSecond > 0)) return undefined;
      const steps = event.step - (recent.at(-1)?.step ?? event.step - 1);
      recent.push({
        share: event.dataWaitShare,
        seconds: (steps * settings.batchSize) / event.imagesPerSecond,
        step: event.step,
      });
      if (recent.length > waitEvents) recent = withoutOld(recent);
      const seconds = recent.reduce((sum, one) => sum + one.seconds, 0);
      const share = recent.reduce((sum, one) => sum + one.share * one.seconds, 0) / seconds;
      if (share < shortWait) isSaid = false;
      if (isSaid || share < longWait || recent.length < waitEvents || seconds < waitSeconds) return undefined;
      isSaid = true;
      return waiting(event.step, share, seconds, event.imagesPerSecond, settings);
    },
  };
}

/** As many as are needed for the least time, and for the least number. */
function withoutOld<T extends { seconds: number }>(events: readonly T[]): T[] {
  const rest = events.slice(1);
  return rest.reduce((sum, { seconds }) => sum + seconds, 0) >= waitSeconds ? rest : [...events];
}

function waiting(step: number, share: number, seconds: number, imagesPerSecond: number, settings: Settings): Raised {
  const side = settings.decodeSize ?? settings.size;
  const proposal =
    settings.decodeSize !== null && settings.decodeSize > settings.size
      ? forkFrom(
          null,
          { decodeSize: null },
          `files are decoded to ${settings.decodeSize} pixels for views of ${settings.size}`,
        )
      : undefined;
  return {
    message: `step ${step}: the run waits for pictures ${Math.round(100 * share)} % of its time (of the last ${Math.round(seconds)} s); keep the pictures on a nearer disk, or smaller: a shorter side of ${side} pixels is all that it reads`,
    alarm: {
      kind: "data wait",
      evidence: { dataWaitShare: share, seconds, imagesPerSecond },
      ...(proposal && { proposal }),
    },
  };
}

// ---- stagnation ----

/** The run is looked at in pieces of 2 % of its steps, at least so many each. */
const pieceShare = 0.02;
const leastPiece = 100;
/** So many pieces in a row without progress: a fifth of the run. */
const piecesWithout = 10;
/** What counts as progress: of the loss above its floor a hundredth, of the kNN accuracy half a point. */
const lossProgress = 0.99;
const knnProgress = 0.005;
/** Where the schedule has brought the rate below this share of the peak, little is to be expected. */
const rateShare = 0.1;
/** kNN values that must speak where the loss does not. */
const leastEvaluations = 3;
/** Methods whose loss falls as they learn; those with a teacher or changing targets have their loss rise and stand as it may. */
const lossTells: readonly string[] = ["barlow-twins", "simclr", "vicreg", "supervised"];

interface Piece {
  sum: number;
  count: number;
  from: number;
}

/** Neither the loss above its floor nor the kNN accuracy has come further for a fifth of the run, while the rate is still high. */
function stagnationWatch({ settings, totalSteps, warmupSteps, peak }: AlarmFacts): AlarmWatch {
  const length = Math.max(leastPiece, Math.round(pieceShare * totalSteps));
  const doesLossTell = lossTells.includes(settings.method);
  let [reference, bestLoss] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]; // of the last progress, and since
  let bestKnn = Number.NEGATIVE_INFINITY;
  let [without, evaluations] = [0, 0];
  let piece: Piece | undefined;
  let isSaid = false;
  const wentOn = () => {
    [without, evaluations, isSaid] = [0, 0, false];
  };
  return {
    observe(event) {
      if (event.event === "act" && event.act === "set") {
        wentOn(); // a new rate, or another loss: what was best before says nothing
        reference = Number.POSITIVE_INFINITY;
        bestLoss = Number.POSITIVE_INFINITY;
      }
      if (event.event === "evaluation") {
        evaluations += 1;
        if (event.value > bestKnn + knnProgress) wentOn();
        bestKnn = Math.max(bestKnn, event.value);
      }
      if (event.event !== "step" || event.step <= warmupSteps) return undefined;
      piece ??= { sum: 0, count: 0, from: event.step };
      piece.sum += event.loss - event.floor;
      piece.count += 1;
      if (event.step - piece.from + 1 < length) return undefined;
      const mean = piece.sum / piece.count;
      piece = undefined;
      without += 1;
      bestLoss = Math.min(bestLoss, mean);
      if (mean < lossProgress * reference) {
        reference = mean;
        if (doesLossTell) wentOn();
      }
      const isHigh = event.learningRate > rateShare * peak;
      const isKnown = doesLossTell || evaluations >= leastEvaluations;
      if (isSaid || !isHigh || !isKnown || without < piecesWithout) return undefined;
      isSaid = true;
      return standingStill(event.step, without * length, { mean, bestLoss, bestKnn }, settings);
    },
  };
}

interface Standing {
  mean: number;
  bestLoss: number;
  bestKnn: number;
}

function standingStill(step: number, steps: number, { mean, bestLoss, bestKnn }: Standing, settings: Settings): Raised {
  const hasKnn = Number.isFinite(bestKnn);
  const proposal: Proposal = forkFrom(
    null,
    half(settings),
    "a rate that is too high keeps the loss where it is; where half of it changes nothing, the network or the views are at their end",
  );
  return {
    message: `step ${step}: nothing has come further for ${steps} steps (loss above its floor ${mean.toPrecision(4)}, at best ${bestLoss.toPrecision(4)}${hasKnn ? `, kNN at best ${(100 * bestKnn).toFixed(1)} %` : ""}) while the learning rate is still high; fork with half the rate, or stop here`,
    alarm: {
      kind: "stagnation",
      evidence: { steps, lossAboveFloor: mean, bestLossAboveFloor: bestLoss, bestKnn: hasKnn ? bestKnn : null },
      proposal,
    },
  };
}
