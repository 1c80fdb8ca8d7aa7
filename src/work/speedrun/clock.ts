// When a run reaches its target, by what its log says: the clock starts with the first step.
import type { LogEvent } from "../../train/index.ts";

/** One look at the held-out pictures. */
export interface SpeedrunLook {
  step: number;
  /** Counted from 1. */
  epoch: number;
  /** From the first step's start to the end of this step, measuring left out. */
  trainingSeconds: number;
  /** The same with all measuring, this one included. */
  wholeSeconds: number;
  /** kNN on the held-out pictures, a share in [0, 1]. */
  knn: number;
}

/** What a run has come to so far. */
export interface SpeedrunClock {
  looks: readonly SpeedrunLook[];
  /** Seconds of training and of all since the first step, at the last event that was heard. */
  trainingSeconds: number;
  wholeSeconds: number;
  isReached: boolean;
  /** Whether the time was up first. */
  isOver: boolean;
  /** What the first line of the log said of the machine. */
  start: Extract<LogEvent, { event: "start" }> | undefined;
  hear(event: LogEvent): void;
}

export interface ClockOptions {
  /** A share in [0, 1]. */
  target: number;
  /** Of training and measuring together. */
  limitSeconds: number;
  /** Called once, when the target is reached or the time is up. */
  onDecided: () => void;
  /** Milliseconds. Default that of the process. */
  now?: () => number;
}

/** Listens to a run's log. Saving on the way counts as training. */
export function speedrunClock({
  target,
  limitSeconds,
  onDecided,
  now = () => performance.now(),
}: ClockOptions): SpeedrunClock {
  const looks: SpeedrunLook[] = [];
  let [startedAt, measuredSeconds] = [0, 0];
  const clock: SpeedrunClock = {
    looks,
    trainingSeconds: 0,
    wholeSeconds: 0,
    isReached: false,
    isOver: false,
    start: undefined,
    hear(event) {
      if (event.event === "start") begin(event);
      if (clock.isReached || clock.isOver || !isTimed(event)) return;
      tick();
      if (isKnn(event)) look(event);
      decide();
    },
  };
  function begin(event: NonNullable<SpeedrunClock["start"]>) {
    startedAt = now();
    clock.start = event;
  }
  function tick() {
    clock.wholeSeconds = (now() - startedAt) / 1000;
    clock.trainingSeconds = clock.wholeSeconds - measuredSeconds;
  }
  function look({ step, epoch, value, seconds = 0 }: Measured) {
    measuredSeconds += seconds;
    clock.trainingSeconds -= seconds;
    const { trainingSeconds, wholeSeconds } = clock;
    looks.push({ step, epoch: epoch + 1, trainingSeconds, wholeSeconds, knn: value });
    clock.isReached = value >= target;
  }
  function decide() {
    clock.isOver = !clock.isReached && clock.wholeSeconds >= limitSeconds;
    if (clock.isReached || clock.isOver) onDecided();
  }
  return clock;
}

type Measured = Extract<LogEvent, { event: "evaluation" }>;

const isTimed = ({ event }: LogEvent): boolean => event === "step" || event === "evaluation";

/** A linear classifier that learns beside the trunk is measured with it, in the same seconds. */
const isKnn = (event: LogEvent): event is Measured => event.event === "evaluation" && event.protocol.includes("knn");
