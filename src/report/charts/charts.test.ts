import { expect, test } from "vitest";
import { barChart } from "./bar-chart.ts";
import { lineChart, type Point, thinned } from "./line-chart.ts";
import { html } from "./markup.ts";
import { divergingColour, heatMap } from "./picture.ts";
import { extent, label, linearScale, logScale, roundSteps } from "./scale.ts";

const pointsIn = (svg: string): string[] => /points="([^"]*)"/.exec(svg)![1]!.split(" ");

test("markup escapes what it is given and keeps what is markup", () => {
  const name = `<img src=x onerror="alert(1)">'&`;
  const cell = html`<td title="${name}">${name}</td>`;
  expect(html`<tr>${[cell, undefined, 3]}</tr>`.text).toBe(
    `<tr><td title="&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;">&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;</td>3</tr>`,
  );
});

test("a linear scale maps its ends to the ends of its range", () => {
  const scale = linearScale({ domain: [2, 4], range: [100, 0] });
  expect([2, 3, 4].map(scale)).toEqual([100, 50, 0]);
});

test("a logarithmic scale gives equal ratios equal distances", () => {
  const scale = logScale({ domain: [1, 100], range: [0, 10] });
  expect(scale(10)).toBeCloseTo(5, 12);
  expect(scale.ticks).toEqual([1, 2, 5, 10, 20, 50, 100]);
  expect(logScale({ domain: [1, 1e6], range: [0, 10] }).ticks).toEqual([1, 10, 100, 1000, 1e4, 1e5, 1e6]);
});

test("steps are 1, 2 or 5 times a power of ten and lie inside", () => {
  expect(roundSteps(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(roundSteps(3, 47, 4)).toEqual([20, 40]);
  expect(roundSteps(-1, 1, 4)).toEqual([-1, -0.5, 0, 0.5, 1]);
  expect(roundSteps(7, 7, 4)).toEqual([7]);
});

test("labels are short", () => {
  expect([0.30000000000000004, 12_500, 1234.5678, -0.05].map(label)).toEqual(["0.3", "12.5k", "1235", "-0.05"]);
});

test("the extent of nothing is a whole axis", () => {
  expect(extent([])).toEqual([0, 1]);
  expect(extent([3, -2, 5])).toEqual([-2, 5]);
});

test("thinning keeps the mean of each share", () => {
  const points = Array.from({ length: 10 }, (_, i): Point => [i, i % 2 === 0 ? 0 : 1]);
  expect(thinned(points, 5)).toEqual([0.5, 2.5, 4.5, 6.5, 8.5].map((x) => [x, 0.5]));
  expect(thinned(points, 10)).toEqual(points);
});

test("a line chart draws each value at its place, higher values higher", () => {
  const points: Point[] = [
    [0, 0],
    [1, 2],
    [2, 1],
  ];
  const svg = lineChart({ title: "Loss", xLabel: "step", series: [{ name: "loss", points }] }).text;
  const places = pointsIn(svg).map((pair) => pair.split(",").map(Number));
  expect(places.map(([x]) => x)).toEqual([46, 227, 408]); // left edge, middle, right edge of the plot
  const [zero, two, one] = places.map(([, y]) => y!);
  expect(zero).toBeCloseTo(202, 1);
  expect((zero! - one!) * 2).toBeCloseTo(zero! - two!, 0);
  expect(svg).toContain('aria-label="Loss. loss: from 0 to 1."');
});

test("values that are not finite, and on a logarithmic axis not positive, are left out", () => {
  const points: Point[] = [
    [0, Number.NaN],
    [1, 10],
    [2, -1],
    [3, 100],
  ];
  const drawn = (scale: "linear" | "log") =>
    pointsIn(lineChart({ title: "t", xLabel: "x", series: [{ name: "s", points }], scale }).text);
  expect(drawn("linear")).toHaveLength(3);
  expect(drawn("log")).toHaveLength(2);
  expect(lineChart({ title: "t", xLabel: "x", series: [] }).text).toContain("nothing was recorded");
});

test("bars are as long as their values, whiskers as their spread", () => {
  const bars = [
    { name: "half", value: 0.5 },
    { name: "whole", value: 1, std: 0 },
    { name: "spread", value: 0.5, std: 0.1 },
  ];
  const svg = barChart({ title: "Accuracy", groups: [{ name: "kNN", bars }] }).text;
  const widths = Array.from(svg.matchAll(/<rect[^>]* width="([\d.]+)"/g), ([, width]) => Number(width));
  expect(widths[0]! * 2).toBeCloseTo(widths[1]!, 5);
  const [, x1, x2] = /class="whisker" x1="([\d.]+)" x2="([\d.]+)"/.exec(svg)!;
  expect(Number(x2) - Number(x1)).toBeCloseTo(0.2 * widths[1]!, 1);
  expect(svg.match(/class="whisker"/g)).toHaveLength(1);
  expect(svg).toContain("half 50.0 %, whole 100.0 %");
});

test("the heat map is blue below zero, red above, white at zero, and bounded", () => {
  const [r1, , b1] = divergingColour(-1);
  const [r2, , b2] = divergingColour(1);
  expect(b1).toBeGreaterThan(r1);
  expect(r2).toBeGreaterThan(b2);
  expect(divergingColour(0)).toEqual([247, 247, 247]);
  expect(divergingColour(7)).toEqual(divergingColour(1));
  const { pixels, width, height } = heatMap(Float32Array.of(1, 0, 0, 1), 2);
  expect([width, height]).toEqual([2, 2]);
  expect([...pixels.subarray(0, 3)]).toEqual(divergingColour(1));
  expect([...pixels.subarray(3, 6)]).toEqual([247, 247, 247]);
});
