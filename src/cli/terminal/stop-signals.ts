/** 128 + the signal's number, as shells have it. SIGHUP: the terminal was closed. */
export const exitCodeAfter = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type StopSignal = keyof typeof exitCodeAfter;

/** Ctrl-C reaches a program more than once: from the terminal, and again from npm and from whatever else started it. */
const echoMilliseconds = 1000;

/** The first signal asks for an orderly end and calls `onStop`; a second one ends at once, what was saved stays. */
export function stopOnSignals(onStop: () => void = () => {}, say: (line: string) => void = console.error) {
  const stop: { signal: StopSignal | undefined; release: () => void } = { signal: undefined, release };
  let askedAt = 0;
  const handle = (signal: StopSignal) => {
    if (stop.signal === signal && performance.now() - askedAt < echoMilliseconds) return;
    if (stop.signal !== undefined) process.exit(exitCodeAfter[signal]);
    stop.signal = signal;
    askedAt = performance.now();
    say("stopping after this step ... (once more: at once)");
    onStop();
  };
  const signals = Object.keys(exitCodeAfter) as StopSignal[];
  for (const signal of signals) process.on(signal, handle);
  function release() {
    for (const signal of signals) process.off(signal, handle);
  }
  return stop;
}
