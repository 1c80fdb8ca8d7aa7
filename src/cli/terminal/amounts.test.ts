import { expect, it } from "vitest";
import { bytesText, durationText } from "./amounts.ts";

it.each([
  [0, "0 B"],
  [950, "950 B"],
  [3400, "3.4 kB"],
  [45_600_000, "46 MB"],
  [7.2e12, "7.2 TB"],
])("%d bytes are %j", (bytes, text) => expect(bytesText(bytes)).toBe(text));

it.each([
  [-1, "0 s"],
  [59, "59 s"],
  [60, "1 min"],
  [7199, "1 h"],
  [200_000, "2 d"],
])("%d seconds are %j", (seconds, text) => expect(durationText(seconds)).toBe(text));
