// The options of commands that several processes carry out.
import { Option } from "@commander-js/extra-typings";
import { wholeNumberFrom } from "../terminal/numbers.ts";

export const processesOption = (what: string) =>
  new Option("--processes <number>", `so many processes on this machine ${what}`).argParser(wholeNumberFrom(1, 1024));

export const deadlineOption = (what: string) =>
  new Option(
    "--deadline <seconds>",
    `among several processes: how long one waits for the others before ${what} (default: 300)`,
  ).argParser(wholeNumberFrom(1, 86400));

/** Of a command that computes features. */
export const sharingOptions = () =>
  [
    processesOption("share the pictures out among them, and the cores; the result is that of one"),
    deadlineOption("all end"),
  ] as const;
