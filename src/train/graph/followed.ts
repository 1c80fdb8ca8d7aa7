// K numbers of a list
import { CallError } from "../../errors.ts";
import type { Following, StepContext } from "../../methods/index.ts";
import { freeAll, full, indexTensor, isCapturing, keep, noGrad, scope, type Tensor } from "../../torch/index.ts";

/** One place of a step where something stands that is another in each step. */
interface Slot {
  /** Lives from step to step, as what was captured reads it. */
  tensor: Tensor; // [] float32 or [K] int64
  now: (at: StepContext) => Tensor;
}

/**
 * A step's own numbers in tensors that stay: the first step of a form makes them, a captured one names them in the same order, and before each
 * replay they are filled anew.
 */
export class Followed implements Following {
  readonly #device: string;
  readonly #slots: Slot[] = [];
  #place = 0;
  #at: StepContext | undefined;

  constructor(device: string) {
    this.#device = device;
  }

  /** A step begins, that is run (or captured). */
  begin(at: StepContext): void {
    [this.#at, this.#place] = [at, 0];
  }

  number(of: (at: StepContext) => number): Tensor {
    return this.#take((at) => full([], of(at), { device: this.#device }));
  }

  rows(of: (at: StepContext) => Uint32Array): Tensor {
    return this.#take((at) => indexTensor(of(at), this.#device));
  }

  /** Fills all of them for the step that is played back next. */
  follow(at: StepContext): void {
    for (const slot of this.#slots) fill(slot, at);
  }

  free(): void {
    freeAll(this.#slots.splice(0).map(({ tensor }) => tensor));
  }

  #take(now: Slot["now"]): Tensor {
    const place = this.#place++;
    const known = this.#slots[place];
    if (!known) return this.#add(now);
    known.now = now;
    if (!isCapturing()) fill(known, this.#at!);
    return known.tensor;
  }

  #add(now: Slot["now"]): Tensor {
    if (isCapturing())
      throw new CallError(
        "cudaGraph: a step takes more numbers than the one before it; each of a phase must take the same",
      );
    const slot = { tensor: keep(noGrad(() => now(this.#at!))), now };
    this.#slots.push(slot);
    return slot.tensor;
  }
}

const fill = ({ tensor, now }: Slot, at: StepContext): void => noGrad(() => scope(() => void tensor.copy_(now(at))));
