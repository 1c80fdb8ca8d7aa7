// The order in which samples are seen: a function of (seed, epoch) and of the set of bad files, and of nothing else.
import { keyedPermutation } from "../random.ts";

/** One sample to be read, with its place in the order of its epoch. */
export interface Turn {
  epoch: number;
  index: number;
  /** Where the order of its epoch goes on after it. */
  after: number;
}

export interface EpochPlan {
  /** Samples of the dataset. */
  length: number;
  /** Good samples that one epoch takes. */
  samplesPerEpoch: number;
  /** Good samples wanted in all; may be infinite. */
  samples: number;
  seed: number;
  shuffles: boolean;
  /** Indices passed over; the loader adds to it while it runs. */
  quarantine: ReadonlySet<number>;
}

/**
 * Walks through the epochs one good sample at a time.
 *
 * An epoch always takes `samplesPerEpoch` good samples. Where bad files leave too few, it goes on from the start of its own
 * order. So the first n good samples of an epoch are the same, whether a bad file was known before or found on the way.
 */
export class EpochOrder {
  private readonly plan: EpochPlan;
  private order: Uint32Array;
  private epoch: number;
  private position = 0;
  private leftInEpoch: number;
  private left: number;

  constructor(plan: EpochPlan, epoch: number) {
    this.plan = plan;
    this.epoch = epoch;
    this.order = this.orderOf(epoch);
    this.leftInEpoch = plan.samplesPerEpoch;
    this.left = plan.samples;
  }

  /** The order as it stands at a step of the run. */
  static from(plan: EpochPlan, step: number, stepsPerEpoch: number): EpochOrder {
    const order = new EpochOrder(plan, Math.floor(step / stepsPerEpoch));
    order.skip((step % stepsPerEpoch) * (plan.samplesPerEpoch / stepsPerEpoch));
    return order;
  }

  /** Passes over the first `count` good samples of the epoch, which an earlier part of the run has seen. */
  skip(count: number): void {
    for (let skipped = 0; skipped < count; skipped++) this.nextIndex();
    this.leftInEpoch -= count;
  }

  /** The next sample, or undefined when all that were wanted are given out. */
  next(): Turn | undefined {
    if (this.left === 0) return undefined;
    if (this.leftInEpoch === 0) this.goTo(this.epoch + 1, 0, this.plan.samplesPerEpoch);
    const index = this.nextIndex();
    this.left--;
    this.leftInEpoch--;
    return { epoch: this.epoch, index, after: this.position };
  }

  /**
   * Asks for one more sample in the epoch of `last`, from the place behind `last`: the replacement of a bad file.
   * `discarded` samples of later epochs that were given out already will be given out again.
   */
  oneMoreAfter(last: Turn, discarded: number): void {
    this.goTo(last.epoch, last.after, last.epoch === this.epoch ? this.leftInEpoch + 1 : 1);
    this.left += discarded + 1;
  }

  private goTo(epoch: number, position: number, leftInEpoch: number): void {
    if (epoch !== this.epoch) this.order = this.orderOf(epoch);
    this.epoch = epoch;
    this.position = position;
    this.leftInEpoch = leftInEpoch;
  }

  private nextIndex(): number {
    for (;;) {
      const index = this.order[this.position++ % this.plan.length]!;
      if (!this.plan.quarantine.has(index)) return index;
    }
  }

  private orderOf(epoch: number): Uint32Array {
    const { length, seed, shuffles } = this.plan;
    return shuffles ? keyedPermutation(length, seed, epoch) : Uint32Array.from({ length }, (_, i) => i);
  }
}
