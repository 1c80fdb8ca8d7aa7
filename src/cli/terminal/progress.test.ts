import { expect, it } from "vitest";
import { fittedLine, timeLeft } from "./progress.ts";

const parts = ["12/400", "loss 8.38 (8.22 above floor)", "1 min 3 s left", "316 images/s"].map((text) => ({ text }));
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is removed
const plain = (line: string) => line.replace(/\u001b\[\d+m/g, "");

it("never fills a line, and drops the least important first", () => {
  for (let columns = 1; columns < 140; columns++) {
    const line = plain(fittedLine(parts, 0.5, columns));
    expect(line.length).toBeLessThan(Math.max(columns, 1));
    const shown = parts.filter(({ text }) => line.includes(text));
    expect(shown).toEqual(parts.slice(0, shown.length));
  }
  expect(plain(fittedLine(parts, 0.5, 60))).toBe("12/400  loss 8.38 (8.22 above floor)  1 min 3 s left");
  expect(plain(fittedLine(parts, 0.25, 200))).toBe(`■■■■■···············  ${parts.map(({ text }) => text).join("  ")}`);
});

it.each([
  [0.4, "0 s left"],
  [59.6, "1 min 0 s left"],
  [125, "2 min 5 s left"],
  [3 * 3600 + 61, "3 h 1 min left"],
  [Number.POSITIVE_INFINITY, ""],
  [Number.NaN, ""],
])("says %d seconds as %j", (seconds, text) => expect(timeLeft(seconds)).toBe(text));
