import { isatty } from "node:tty";

/** 128 + the signal's number, as shells have it. SIGHUP: the terminal was closed. */
export const exitCodeAfter = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type StopSignal = keyof typeof exitCodeAfter;

/**
 * One wish to stop reaches a program more than once: Ctrl-C from the terminal and again from npm, a service manager's TERM and HUP
 * together.
 */
const echoMilliseconds = 1000;

/**
 * The first signal asks for an orderly end and calls `onStop`; a second one ends at once, what was saved stays. Where no output
 * goes to a terminal (`nohup`, a file, a service) its closing means nothing and SIGHUP is passed over.
 */
export function stopOnSignals(
  onStop: () => void = () => {},
  say: (line: string) => void = console.error,
  hasTerminal = isatty(1) || isatty(2),
) {
  const stop: { signal: StopSignal | undefined; release: () => void } = { signal: undefined, release };
  let askedAt = 0;
  const handle = (signal: StopSignal) => {
    if (signal === "SIGHUP" && !hasTerminal) return;
    if (stop.signal !== undefined && performance.now() - askedAt < echoMilliseconds) return;
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
