import { expect, test } from "vitest";
import { dataUri } from "./charts/picture.ts";
import { duration, reportPage } from "./page.ts";
import type { Report, Score, Scores } from "./report.ts";
import { headline, verdict } from "./verdict.ts";

const row = (name: string, knn: number, fewShot: number): Score => ({
  name,
  figures: [fewShot, knn].map((value) => ({ value, error: 0.004 })),
});

const scores = (trained: Score): Scores => ({
  measures: [
    { title: "10 labels a class", inWords: "with 10 labels a class", protocol: "few-shot-v1", hasFewLabels: true },
    { title: "kNN among 60,000", inWords: "by the nearest of 60,000", protocol: "knn-v1", hasFewLabels: false },
  ],
  rows: [row("pixels", 0.845, 0.706), row("untrained network", 0.757, 0.561), trained],
  draws: 10,
  testImages: 10_000,
  isTestSplit: true,
});

const hostile = `<img src=x onerror=alert(1)>`;

async function exampleReport(): Promise<Report> {
  const uri = await dataUri({ pixels: new Uint8Array(12), width: 2, height: 2 });
  const named = { uri, className: hostile };
  return {
    folder: "runs/x",
    dataset: hostile,
    images: 60_000,
    leftOut: ["a/<b>.jpg"],
    remarks: ["1 picture was read in spite of <i>"],
    method: "Barlow Twins",
    usesLabels: false,
    isComplete: true,
    trainingSeconds: 261,
    scores: scores(row("trained network", 0.86, 0.75)),
    steps: [1, 2].map((step) => ({
      step,
      loss: 100 / step,
      floor: 10,
      learningRate: 0.1,
      imagesPerSecond: 1000,
      onDiagonal: 50,
      offDiagonal: 40,
      ...(step === 1 && { featureStd: 0.9, effectiveRank: 12 }),
    })),
    online: [{ step: 2, value: 0.8 }],
    lambda: 0.01,
    correlation: {
      start: { uri, meanDiagonal: 0.3, offDiagonal: 0.2 },
      end: { uri, meanDiagonal: 0.9, offDiagonal: 0.05 },
      shown: 2,
      features: 4,
      images: 1024,
    },
    views: [[{ uri }, { uri }, { uri }]],
    neighbours: [{ query: named, byPixels: [{ uri, className: "other" }], byTrained: [named] }],
    facts: [["Command", `selfsight quickstart --data '${hostile}'`]],
    commands: [["Go on.", "npx selfsight evaluate"]],
  };
}

test("the page has every part, loads nothing and runs nothing", async () => {
  const page = reportPage(await exampleReport());
  for (const part of [
    "What it is worth",
    "What it was shown",
    "How it learned",
    "The matrix that becomes the identity",
    "What it finds alike",
    "Go on from here",
    "The run",
  ])
    expect(page).toContain(part);
  const addresses = Array.from(page.matchAll(/(?:src|href)="([^"]*)"/g), ([, address]) => address!);
  expect(addresses.length).toBeGreaterThan(5);
  expect(addresses.every((address) => address.startsWith("data:image/png;base64,"))).toBe(true);
  expect(page).not.toMatch(/https?:|<script|url\(|@import/);
  expect(page).toContain("1 of 1 by trained features");
});

test("names are escaped wherever they stand", async () => {
  const page = reportPage(await exampleReport());
  expect(page).not.toContain("<img src=x");
  expect(page.match(/&lt;img src=x onerror=alert\(1\)&gt;/g)!.length).toBeGreaterThan(4);
});

test("every picture says what it shows", async () => {
  const page = reportPage(await exampleReport());
  const pictures = page.match(/<img[^>]*>/g)!;
  expect(pictures.every((picture) => /alt="[^"]+"/.test(picture))).toBe(true);
  expect(page.match(/<svg[^>]*>/g)!.every((svg) => /role="img" aria-label="[^"]+"/.test(svg))).toBe(true);
});

test("without labels there are no accuracies, and the page says why", async () => {
  const page = reportPage({ ...(await exampleReport()), scores: null, online: [], neighbours: [] });
  expect(page).toContain("These pictures have no labels");
  expect(page).not.toContain("kNN among");
});

test("a run that learned from labels does not claim to have done without", async () => {
  const page = reportPage({ ...(await exampleReport()), method: "supervised training", usesLabels: true });
  expect(page).toContain("with their labels");
  expect(page).not.toMatch(/without (a single label|labels)/);
});

test("the verdict claims what holds, and only beyond chance", () => {
  const both = scores(row("trained network", 0.86, 0.75));
  expect(verdict(both)).toContain("Against raw pixels (70.6 % and 84.5 %) it is better on both.");
  expect(headline({ dataset: "d", scores: both, usesLabels: false })).toMatch(
    /^Better than pixels and than an untrained network/,
  );
  const few = scores(row("trained network", 0.83, 0.75));
  expect(verdict(few)).toContain("it is better with 10 labels a class, not as good yet by the nearest of 60,000.");
  expect(headline({ dataset: "d", scores: few, usesLabels: false })).toMatch(
    /^Better than pixels where labels are few/,
  );
  const near = scores(row("trained network", 0.846, 0.708));
  expect(verdict(near)).toContain("it is about as good on both");
  const worse = scores(row("trained network", 0.5, 0.4));
  expect(verdict(worse)).toContain("Against an untrained network it is not as good yet on both.");
  expect(headline({ dataset: "d", scores: worse, usesLabels: false })).toBe("What Selfsight learned from d so far");
});

test("times are said as a person would", () => {
  expect([3.2, 60, 261, 300].map(duration)).toEqual(["3 seconds", "60 seconds", "4 min 21 s", "5 minutes"]);
});
