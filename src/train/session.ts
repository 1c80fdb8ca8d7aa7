// A run at work: what it was asked for, where it stands, and how it speaks.
import type { Carrier } from "../augment/index.ts";
import type { Dataset, NamedBatch, Remarks } from "../data/index.ts";
import type { Team } from "../distributed/index.ts";
import type { Late } from "../torch/index.ts";
import type { AlarmWatch } from "./observe/alarms.ts";
import type { Residence } from "./pictures/residence.ts";
import type { Checkpoint } from "./run/checkpoint.ts";
import type { Alarm, Log, LogEvent, StepReport } from "./run/log.ts";
import type { Settings } from "./settings/settings.ts";
import type { TrainState } from "./state.ts";
import type { Steering } from "./steer/steering.ts";
import type { StepResult } from "./step.ts";
import { ofEachPart, type PartClock } from "./step-parts.ts";
import type { CollapseWatch, RepresentationHealth } from "./watch.ts";

/** What was found while training: figures to watch. */
export interface OnlineScore {
  protocol: string;
  value: number;
}

export interface TrainOptions {
  /** Take the folder although another machine's process seems to train in it. Default false. */
  takeOver?: boolean;
  /** The run's folder, made by `createRunFolder`. */
  folder: string;
  settings: Settings;
  dataset: Dataset;
  /** Goes on from here. */
  checkpoint?: Checkpoint;
  /** The settings of before, when the run has just got another length. */
  extendedFrom?: Settings;
  /** Settings that were given anew when the run went on: what changed them before is past. */
  given?: readonly string[];
  /** Least time between two looks for requests. Default 1000. */
  controlEveryMilliseconds?: number;
  /** Told of every event besides the log. */
  onEvent?: (event: LogEvent) => void;
  /** Called at the end of the epochs that `knnEveryEpochs` names, in every process where there are several; what it finds is logged. */
  evaluate?: (state: TrainState) => Promise<readonly OnlineScore[]>;
  /** Called there too, after it: whoever draws what the run has learned so far. What goes wrong in it is a warning. */
  draw?: (state: TrainState) => Promise<void>;
  /**
   * How many steps a device is given before the numbers of an earlier one are read. Default 1 on a GPU, which so never waits for its
   * next step; 0 on the CPU, whose numbers are there when a step returns.
   */
  stepsAhead?: number;
  /** What brings batches to the device where pictures are not resident. Default one that copies ahead to a GPU, none on the CPU. */
  carrier?: Carrier;
  /** Asked after every step; true ends the run after saving. */
  isStopping?: () => boolean;
  /** The processes that train as one with this one. Default none. */
  team?: Team;
}

/** A step that the device was given. */
export interface TakenStep {
  batch: NamedBatch;
  /** Steps done with it. */
  step: number;
  numbers: Late<StepResult>;
}

export interface Session extends TrainOptions {
  state: TrainState;
  residence: Residence;
  log: Log;
  watch: CollapseWatch;
  alarms: AlarmWatch;
  /** Steps of the checkpoints that stand, the newest last. */
  savedSteps: number[];
  steering: Steering;
  /** What was last seen of the embeddings and has not been logged yet. */
  unlogged: Partial<RepresentationHealth>;
  /** Steps whose numbers were not read yet, the oldest first. */
  taken: TakenStep[];
  stepsAhead: number;
  quarantine: Set<number>;
  remarks: Remarks;
  startedAt: number;
  savedAt: number;
  savedStep: number;
  /** Whether it was said that older checkpoints give way on this disk. */
  hasSaidNoRoom: boolean;
  meter: Meter;
}

/** Seconds since a reading of the clock. */
export const seconds = (since: number): number => (performance.now() - since) / 1000;

export function emit(session: Pick<Session, "log" | "onEvent" | "alarms">, event: LogEvent): void {
  session.log.write(event);
  session.onEvent?.(event);
  const raised = session.alarms.observe(event);
  if (raised) emit(session, { event: "warning", step: event.step, ...raised });
}

export const warn = (session: Session, message: string, alarm?: Alarm): void =>
  emit(session, { event: "warning", step: session.state.step, message, ...(alarm && { alarm }) });

/** Images per second and the shares of time spent waiting for pictures and in the parts of a step, since the last reading. */
export class Meter {
  readonly #clock: PartClock | undefined;
  #since = performance.now();
  #images = 0;
  #waited = 0;
  #waitingSince = 0;

  constructor(clock?: PartClock) {
    this.#clock = clock;
  }

  startWaiting(): void {
    this.#waitingSince = performance.now();
  }
  endWaiting(): void {
    this.#waited += performance.now() - this.#waitingSince;
  }
  count(images: number): void {
    this.#images += images;
  }
  read(): Pick<StepReport, "imagesPerSecond" | "dataWaitShare" | "stepShares"> {
    const elapsed = performance.now() - this.#since;
    const shareOf = (milliseconds: number) => Number((milliseconds / elapsed).toPrecision(3));
    const parts = this.#clock?.read();
    const stepShares = parts && ofEachPart((part) => shareOf(parts[part]));
    const reading = { imagesPerSecond: (1000 * this.#images) / elapsed, dataWaitShare: this.#waited / elapsed };
    this.reset();
    return { ...reading, ...(stepShares && { stepShares }) };
  }
  reset(): void {
    this.#since = performance.now();
    this.#images = 0;
    this.#waited = 0;
    this.#clock?.read();
  }
}
