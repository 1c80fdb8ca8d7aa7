// A log as it grows: whole lines out of pieces, whatever lies in it.
import type { LoggedEvent } from "../answers.ts";
import { bytesAt, objectFrom } from "../folder/open-inside.ts";

/** A line longer than this is no event. */
export const longestLine = 1 << 16;

/** Takes bytes in order and gives the events of the lines that have ended. */
export interface LineReader {
  take(bytes: Buffer): LoggedEvent[];
  /** Bytes at the end that are no whole line yet. */
  readonly pending: number;
}

/** A reader that begins at a line's start, or, `inTheMiddle`, passes over what is left of a line. */
export function lineReader(inTheMiddle = false): LineReader {
  let rest: Buffer = Buffer.alloc(0);
  let isSkipping = inTheMiddle;
  let skipped = 0;
  return {
    get pending() {
      return rest.length + skipped;
    },
    take(bytes) {
      const end = bytes.lastIndexOf(0x0a);
      if (end < 0) {
        if (isSkipping || rest.length + bytes.length > longestLine) {
          skipped += rest.length + bytes.length;
          [rest, isSkipping] = [Buffer.alloc(0), true];
        } else rest = Buffer.concat([rest, bytes]);
        return [];
      }
      const from = isSkipping ? bytes.indexOf(0x0a) + 1 : 0;
      const whole = Buffer.concat([rest, bytes.subarray(from, end + 1)]);
      [rest, isSkipping, skipped] = [Buffer.from(bytes.subarray(end + 1)), false, 0];
      return eventsIn(whole);
    },
  };
}

/** Lines that are no events (cut off by a crash, or not ours) are left out. */
export const eventsIn = (lines: Buffer): LoggedEvent[] => lines.toString("utf8").split("\n").flatMap(eventFrom);

function eventFrom(line: string): LoggedEvent[] {
  if (line === "" || line.length > longestLine) return [];
  const value = objectFrom(line);
  return typeof value?.event === "string" && typeof value.step === "number" ? [value as LoggedEvent] : [];
}

/** The events of the whole lines between two places of an open log; `inTheMiddle`: the first one need not be the beginning of a line. */
export function eventsBetween(file: number, from: number, to: number, inTheMiddle = false): LoggedEvent[] {
  return lineReader(inTheMiddle).take(bytesAt(file, from, to - from));
}
