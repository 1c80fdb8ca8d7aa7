// Where the time of a step goes.

/** A number for each part of a step. */
export interface StepShares {
  /** Views made of pictures. */
  views: number;
  /** Trunk and heads. */
  forward: number;
  loss: number;
  /** Gradients, and their sum over several processes. */
  backward: number;
  /** Optimizer, teacher, queue. */
  update: number;
}
export type StepPart = keyof StepShares;

/** What a step consists of, in order. */
export const stepParts: readonly StepPart[] = ["views", "forward", "loss", "backward", "update"];

/** Adds up how long the thread was in each part. On a GPU that says something only where `now` waits for the device. */
export class PartClock {
  readonly #now: () => number;
  #spent = nothing();
  #part: StepPart | undefined;
  #since = 0;

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** The part that begins here; none at a step's end. */
  enter(part: StepPart | undefined): void {
    const now = this.#now();
    if (this.#part) this.#spent[this.#part] += now - this.#since;
    [this.#part, this.#since] = [part, now];
  }

  /** Milliseconds in each part since the last reading. */
  read(): StepShares {
    const spent = this.#spent;
    this.#spent = nothing();
    return spent;
  }
}

const nothing = (): StepShares => ofEachPart(() => 0);

export const ofEachPart = (value: (part: StepPart) => number): StepShares => ({
  views: value("views"),
  forward: value("forward"),
  loss: value("loss"),
  backward: value("backward"),
  update: value("update"),
});
