// One process's place among the others, and what it reads in the meeting place.
import type { Meeting } from "../torch/index.ts";
import type { Launch } from "./launch.ts";

export interface Member {
  launch: Launch;
  meeting: Meeting;
  /** The deadline. */
  milliseconds: number;
  /** What to do when a process is lost. */
  advice: string;
}

/** Where something is said in the meeting place. */
export const key = ({ launch: { prefix } }: Pick<Member, "launch">, name: string, ...parts: number[]): string =>
  [prefix, name, ...parts].join("/");

export const ranks = ({ size }: Launch): number[] => Array.from({ length: size }, (_, rank) => rank);

/** What was said under a key, waiting until then; undefined where nothing was. */
export function heard({ meeting }: Member, name: string, until: number): string | undefined {
  try {
    return meeting.get(name, Math.max(100, until - performance.now()));
  } catch {
    return undefined;
  }
}
