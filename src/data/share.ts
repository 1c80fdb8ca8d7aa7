// One batch read by several processes, each its own rows of it.
import type { Turn } from "./epoch-order.ts";

export interface Share {
  /** This process's rows of a batch. */
  start: number;
  end: number;
  /** What all processes found, in one order; each gives what it found itself. */
  union<T>(own: readonly T[]): T[];
}

/** Of a batch's turns those of this process. */
export const ownTurns = (turns: readonly Turn[], share?: Pick<Share, "start" | "end">): readonly Turn[] =>
  share ? turns.slice(share.start, share.end) : turns;
