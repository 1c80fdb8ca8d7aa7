// Options that more than one command has.
import { Option } from "@commander-js/extra-typings";
import { wholeNumberFrom } from "./numbers.ts";

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
