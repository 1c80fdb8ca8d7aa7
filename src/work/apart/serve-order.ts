// The side of a process that was started for one order: it is told what to do, says how it goes, and ends.

export interface Serving<Report> {
  /** Tells the process that gave the order; it resolves when that is sent, or cannot be: the other side may be gone. */
  say(report: Report): Promise<void>;
  /** Aborted when it shall save and end: on request, on a stop signal, and when nobody listens any more. */
  signal: AbortSignal;
}

/** Takes the one order of this process, says what comes of it, and ends the process. `perform` answers its own failures. */
export function serveOrder<Order, Report>(perform: (order: Order, serving: Serving<Report>) => Promise<Report>): void {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.on("disconnect", stop);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  process.on("message", (message: { order: Order } | "stop") => {
    if (message === "stop") return stop();
    void perform(message.order, { say, signal: stopping.signal })
      .then(say)
      .then(() => process.exit(0));
  });
}

const say = (report: unknown): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected) process.send!(report, () => resolve());
    else resolve();
  });
