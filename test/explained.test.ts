// What docs/explained.md claims of its small figures.
import { expect, test } from "vitest";
import { figureOf } from "../docs/explained.mjs";

const numbers = (rows: ReturnType<typeof figureOf>, column: string) => rows.map((row) => row[column] as number);

test("twin images change SimCLR's loss and not Barlow Twins'; twin features the other way round", () => {
  const rows = figureOf("twins");
  const [barlow, barlowImages, barlowFeatures] = numbers(rows, "Barlow Twins");
  const [simclr, simclrImages, simclrFeatures] = numbers(rows, "SimCLR");
  expect(barlowImages).toBeCloseTo(barlow!, 4);
  expect(simclrFeatures).toBeCloseTo(simclr!, 5);
  expect(barlowFeatures).toBeGreaterThan(2 * barlow!);
  expect(simclrImages! - simclr!).toBeCloseTo(Math.log(2), 1);
});

test("the gradient of MoCo, BYOL and SimSiam reaches one branch only", () => {
  const isOneSided = figureOf("branches").map((row) => [row.method, row["at the other"] === 0]);
  expect(Object.fromEntries(isOneSided)).toEqual({
    ...{ "Barlow Twins": false, VICReg: false, SimCLR: false, SwAV: false },
    ...{ "MoCo v2": true, BYOL: true, SimSiam: true },
  });
  for (const norm of numbers(figureOf("branches"), "gradient at one branch")) expect(norm).toBeGreaterThan(0);
});

test("the two branches' gradients are alike in large batches alone", () => {
  const cosines = numbers(figureOf("halves"), "cosine of the two gradients");
  expect(cosines).toEqual(cosines.toSorted((a, b) => a - b));
  expect(cosines[0]).toBeLessThan(0.2);
  expect(cosines.at(-1)).toBeGreaterThan(0.95);
});

test("Sinkhorn brings a prototype that all images prefer to its equal share", () => {
  const [softmax, , three, ten, equal] = numbers(figureOf("codes"), "share of the first prototype");
  expect(softmax).toBeGreaterThan(0.99);
  expect(three).toBeLessThan(1.1 * equal!);
  expect(ten).toBeCloseTo(equal!, 4);
});

test("features with nothing in common have the loss of the floor", () => {
  const rows = figureOf("floor");
  const floors = numbers(rows, "floor");
  for (const [i, loss] of numbers(rows, "loss").entries()) expect(Math.abs(loss / floors[i]! - 1)).toBeLessThan(0.01);
});
