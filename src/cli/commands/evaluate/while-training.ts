// A protocol that trains in a folder shows its progress, and a signal ends it after the step that it is in.
import { type MeasureOptions, Stopped } from "../../../work/index.ts";
import { progress } from "../../terminal/progress.ts";
import { exitCodeAfter, stopOnSignals } from "../../terminal/stop-signals.ts";

/** Runs `body` with what it is to tell. One that was stopped says how to go on, with the exit code of its signal, and has no result. */
export async function whileTraining<T>(
  { json }: { json?: true | undefined },
  body: (told: Pick<MeasureOptions, "signal" | "onEvent">) => Promise<T>,
): Promise<T | undefined> {
  const stopping = new AbortController();
  let display: ReturnType<typeof progress> | undefined;
  const shown = () => {
    display ??= progress(json ? process.stderr : process.stdout);
    return display;
  };
  const begin = () =>
    stopOnSignals(
      () => stopping.abort(),
      (line) => shown().say(line),
    );
  let stop: ReturnType<typeof stopOnSignals> | undefined;
  try {
    return await body({
      signal: stopping.signal,
      onEvent: (event) => {
        stop ??= begin(); // protocols that train nothing are ended at once, as ever
        shown().show(event);
      },
    });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    shown().say(error.message);
    process.exitCode = exitCodeAfter[stop?.signal ?? "SIGTERM"];
    return undefined;
  } finally {
    display?.stop();
    stop?.release();
  }
}
