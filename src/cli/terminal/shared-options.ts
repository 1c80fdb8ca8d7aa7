// Options that more than one command has.
import { Option } from "@commander-js/extra-typings";
import { lowAndHigh, wholeNumberFrom, wholeNumbers } from "./numbers.ts";

export const jsonOption = () => new Option("--json", "print JSON for machines");

export const precisionOption = () =>
  new Option("--precision <precision>", "of convolutions and matrix products").choices([
    "auto",
    "bf16",
    "fp32",
  ] as const);

export const splitOption = (text: string) =>
  new Option("--split <split>", text).choices(["train", "test", "val", "all"] as const);

export const sizeOption = () =>
  new Option("--size <pixels>", "side to which pictures are brought (default: as it was trained)").argParser(
    wholeNumberFrom(8, 1024),
  );

export const rangeOption = (otherwise: string) =>
  new Option(
    "--range <low high...>",
    `samples of more than 8 bits that are black and white (default: ${otherwise})`,
  ).argParser(lowAndHigh);

export const bandsOption = (otherwise: string) =>
  new Option(
    "--bands <numbers>",
    `bands shown as grey, or as red, green and blue: 1 or 4,3,2 (default: ${otherwise})`,
  ).argParser(wholeNumbers);

export const resultsOption = (name: string) =>
  new Option("--out <folder>", `write ${name}.json and ${name}.html, a page with pictures, into this folder`);

/** Of what is put to work on pictures. */
export const workSplitOption = () => splitOption("part of the data, where they have parts (default: all)");

export const workLimitOption = () =>
  new Option("--limit <number>", "at most so many pictures: a fixed random choice (default: all)").argParser(
    wholeNumberFrom(1),
  );

/** Of what computes with features alone. */
export const indexOption = () =>
  new Option("--index <file>", "use the vectors that `selfsight embed` wrote of these pictures with this network");

export const workPrecisionOption = () => precisionOption().default("fp32" as const, "fp32");
