import { afterEach, expect, it, vi } from "vitest";
import { exitCodeAfter, stopOnSignals } from "./stop-signals.ts";

it("takes one Ctrl-C for one, however often it arrives", () => {
  const said: string[] = [];
  let stops = 0;
  const stop = stopOnSignals(
    () => stops++,
    (line) => said.push(line),
  );
  process.emit("SIGINT", "SIGINT"); // from the terminal
  process.emit("SIGINT", "SIGINT"); // again from npm; a second request would end this process
  stop.release();
  expect([stop.signal, stops, said.length]).toEqual(["SIGINT", 1, 1]);
});

it("ends as shells expect after each signal: 128 and its number", () => {
  expect(exitCodeAfter).toEqual({ SIGHUP: 128 + 1, SIGINT: 128 + 2, SIGTERM: 128 + 15 });
});

afterEach(() => void vi.restoreAllMocks());

/** What a program that is asked to stop by these signals, at these times (milliseconds), does. */
function asked(signals: readonly NodeJS.Signals[], { at, hasTerminal }: { at: number[]; hasTerminal: boolean }) {
  const exit = vi.spyOn(process, "exit").mockReturnValue(undefined as never);
  const clock = vi.spyOn(performance, "now");
  const stop = stopOnSignals(
    () => {},
    () => {},
    hasTerminal,
  );
  for (const [i, signal] of signals.entries()) {
    clock.mockReturnValue(at[i]!);
    process.emit(signal, signal);
  }
  stop.release();
  return { signal: stop.signal, exits: exit.mock.calls.flat() };
}

it.each([
  ["SIGTERM", "SIGHUP"],
  ["SIGTERM", "SIGINT"],
] as const)("takes %s and %s within a second for one wish", (...signals) => {
  expect(asked(signals, { at: [5000, 5900], hasTerminal: true })).toEqual({ signal: "SIGTERM", exits: [] });
});

it("ends at once when it is asked again later", () => {
  expect(asked(["SIGTERM", "SIGINT"], { at: [5000, 6100], hasTerminal: true }).exits).toEqual([130]);
});

it("goes on when a terminal closes that it does not write to", () => {
  expect(asked(["SIGHUP"], { at: [5000], hasTerminal: false }).signal).toBeUndefined();
  expect(asked(["SIGHUP"], { at: [5000], hasTerminal: true }).signal).toBe("SIGHUP");
});
