// What became of requests: the acts that the run's log has of them.
import { closeSync, fstatSync, readSync, statSync } from "node:fs";
import { openRegular, storageError } from "../../files.ts";
import { seemsAtWork } from "../run/lock.ts";
import { type ActEvent, eventFrom, logPath } from "../run/log.ts";

const pauseMilliseconds = 100;

/** Bytes of a run's log now: answers to what is asked later stand behind them. */
export const logEnd = (folder: string): number => statSync(logPath(folder), { throwIfNoEntry: false })?.size ?? 0;

export interface AnswersOptions {
  /** Where to begin to read the log, see `logEnd`. */
  since: number;
  /** How long to wait for them. */
  seconds: number;
}

/** The answers to requests by their ids, as far as they came in time and while somebody trained. Errors: storage. */
export async function answersOf(
  folder: string,
  ids: readonly string[],
  { since, seconds }: AnswersOptions,
): Promise<ActEvent[]> {
  const until = performance.now() + 1000 * seconds;
  for (;;) {
    const isAtWork = seemsAtWork(folder); // asked before the log is read: what ended has said all that it had to say
    const found = actsSince(folder, since).filter(({ request }) => ids.includes(request));
    if (found.length >= ids.length || performance.now() > until || !isAtWork) return found;
    await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
  }
}

function actsSince(folder: string, since: number): ActEvent[] {
  const events = textBehind(logPath(folder), since).split("\n").flatMap(eventFrom);
  return events.filter((event): event is ActEvent => event.event === "act");
}

function textBehind(path: string, since: number): string {
  try {
    const file = openRegular(path);
    try {
      const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - since));
      return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, since));
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw storageError("read", path, cause);
  }
}
