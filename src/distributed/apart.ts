// Work that each process does by itself, for hours perhaps, while it looks whether the others live.
import { setTimeout as pause } from "node:timers/promises";
import { key, type Member, ranks } from "./member.ts";

/** How long all have to answer the roll call is reckoned from here: each looks as often. */
const lookMilliseconds = 500;

/** See `Team.apart`. Errors: those of `work`; one of connections when a process is gone or silent for as long as the deadline. */
export async function apart<T>(
  member: Member,
  name: string,
  work: (wish: AbortSignal) => Promise<T>,
  isStopping: () => boolean,
): Promise<T> {
  const { meeting, launch, milliseconds } = member;
  const [wish, over] = [new AbortController(), new AbortController()];
  const stopPulse = meeting.pulse(key(member, `${name}-pulse`, launch.rank), milliseconds / 4);
  const watching = watch(member, { name, wish, isStopping, over: over.signal });
  try {
    const own = work(wish.signal);
    own.catch(() => {}); // met below, or after a loss that is told first
    const value = await Promise.race([own, watching.then(() => own)]);
    meeting.add(key(member, `${name}-done`), 1);
    await watching;
    return value;
  } finally {
    wish.abort();
    over.abort();
    stopPulse();
  }
}

interface Watching {
  name: string;
  wish: AbortController;
  isStopping: () => boolean;
  over: AbortSignal;
}

/** Ends when all are done; hands on the wish to stop. */
async function watch(member: Member, { name, wish, isStopping, over }: Watching): Promise<void> {
  const { meeting, launch } = member;
  const counted = (what: string) => meeting.add(key(member, what), 0);
  const pulses = pulsesOf(member, name);
  let hasWished = false;
  while (!over.aborted && counted(`${name}-done`) < launch.size) {
    if (!hasWished && isStopping()) {
      hasWished = true;
      meeting.add(key(member, `${name}-stop`), 1);
    }
    if (counted(`${name}-stop`) > 0) wish.abort();
    if (counted("gone") > 0) throw new Error("connection closed: another process has ended");
    pulses.check();
    await pause(lookMilliseconds);
  }
}

/** When each process was last heard of. Those that are done are silent until all are. */
function pulsesOf(member: Member, name: string) {
  const { launch, meeting, milliseconds } = member;
  const seen = ranks(launch).map(() => ({ count: 0, at: performance.now() }));
  return {
    check(): void {
      for (const [rank, before] of seen.entries()) {
        const count = meeting.add(key(member, `${name}-pulse`, rank), 0);
        if (count !== before.count) seen[rank] = { count, at: performance.now() };
        else if (performance.now() - before.at > milliseconds)
          throw new Error(`the store timed out: process ${rank} is silent`);
      }
    },
  };
}
