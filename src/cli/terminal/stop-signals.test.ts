import { expect, it } from "vitest";
import { stopOnSignals } from "./stop-signals.ts";

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
