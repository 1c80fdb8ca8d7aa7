import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { labelledClusters } from "../../../test/labelled-clusters.ts";
import { liveTensors, type Tensor } from "../../torch/index.ts";
import { fromStored, readSafetensors } from "../../weights/index.ts";
import { featureTensor } from "../features.ts";
import { evaluateKnn, usualNeighbours, type WeightedKnn, weightedKnn } from "./knn.ts";

const cases = readdirSync("test/reference").filter((name) => /^knn_.*\.safetensors$/.test(name));

test.each(cases)("%s: the first class of the stored ranking for every query", (file) => {
  const { tensors, metadata } = readSafetensors(`test/reference/${file}`);
  const get = (name: string): Tensor => fromStored(tensors.get(name)!);
  const classes = Number(metadata.classes);
  const { predictions } = weightedKnn({
    bank: get("bank"),
    bankLabels: Int32Array.from(get("bank_labels").data() as BigInt64Array, Number),
    queries: get("queries"),
    k: Number(metadata.k),
    temperature: Number(metadata.temperature),
    classes,
  });
  const ranking = get("ranking").data() as BigInt64Array; // [queries, classes]
  expect(Array.from(predictions)).toEqual(Array.from(predictions, (_, i) => Number(ranking[i * classes])));
});

test("there are cases to check", () => expect(cases.length).toBeGreaterThanOrEqual(3));

const bank = labelledClusters({ classes: 5, perClass: 60, dimensions: 12, distance: 0.5, seed: 1 });
const queries = labelledClusters({ classes: 5, perClass: 20, dimensions: 12, distance: 0.5, seed: 2 });

function inputs(changes: Partial<WeightedKnn> = {}): WeightedKnn {
  return {
    bank: featureTensor(bank),
    bankLabels: bank.labels,
    queries: featureTensor(queries),
    k: 17,
    temperature: 0.1,
    classes: 5,
    ...changes,
  };
}

const row = ({ values, dimensions }: typeof bank, i: number) => values.subarray(i * dimensions, (i + 1) * dimensions);
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** The definition, in double precision: exp(s / T) of the k most similar, summed for each class. */
function plainAnswer(query: Float32Array, k: number, temperature: number): number {
  const similarities = Array.from({ length: bank.length }, (_, i) => {
    const own = row(bank, i);
    return { label: bank.labels[i]!, s: dot(query, own) / Math.sqrt(dot(query, query) * dot(own, own)) };
  });
  const votes = [0, 0, 0, 0, 0];
  similarities.sort((a, b) => b.s - a.s);
  for (const { label, s } of similarities.slice(0, k)) votes[label]! += Math.exp(s / temperature);
  return votes.indexOf(Math.max(...votes));
}

test.each([
  [1, 0.1],
  [17, 0.07],
  [200, 0.1],
  [300, 1],
])("k %i, T %d: equal to the definition in double precision", (k, temperature) => {
  const { predictions } = weightedKnn(inputs({ k, temperature }));
  const expected = Array.from({ length: queries.length }, (_, i) => plainAnswer(row(queries, i), k, temperature));
  expect(Array.from(predictions)).toEqual(expected);
});

test("the answers do not depend on how many queries are compared at a time", () => {
  const whole = weightedKnn(inputs()).predictions;
  for (const scoresAtOnce of [1, 7 * 300, 99 * 300])
    expect(weightedKnn(inputs({ scoresAtOnce })).predictions).toEqual(whole);
});

test("a temperature at which exp(s / T) overflows still gives the nearest neighbour's class", () => {
  expect(weightedKnn(inputs({ temperature: 1e-3 })).predictions).toEqual(weightedKnn(inputs({ k: 1 })).predictions);
});

test.each([
  [1_281_167, 1000, 200],
  [50_000, 10, 200],
  [5000, 10, 100],
  [300, 5, 12],
  [9, 3, 1],
])("%i images of %i classes: the usual k is %i", (images, classes, k) => {
  expect(usualNeighbours(images, classes)).toBe(k);
});

test("the usual k goes by the bank, and the standard error by the queries", () => {
  const found = evaluateKnn(bank, queries);
  expect(found.protocol).toBe("knn-v1 k=12 T=0.1");
  const p = (found.correct + 2) / 104;
  expect(found.standardError).toBeCloseTo(Math.sqrt((p * (1 - p)) / 104), 12);
});

test("the protocol counts by class and says when the bank is smaller than k", () => {
  const found = evaluateKnn(bank, queries, { k: 1000 });
  expect(found.protocol).toBe("knn-v1 k=300 T=0.1");
  expect(found.notes).toEqual(["k was 1000; the bank has 300 images, so all of them vote"]);
  expect(found.count).toBe(100);
  expect(found.perClass.map(({ count }) => count)).toEqual([20, 20, 20, 20, 20]);
  expect(found.perClass.reduce((sum, { correct }) => sum + correct, 0)).toBe(found.correct);
  expect(found.value).toBe(found.correct / 100);
  expect(evaluateKnn(bank, queries).notes).toEqual([]);
});

test.each([
  [{ k: 0 }, /k is 0; a whole number from 1 to 300/],
  [{ k: 301 }, /k is 301; a whole number from 1 to 300/],
  [{ k: 2.5 }, /k is 2.5/],
  [{ temperature: 0 }, /temperature is 0; a number above 0/],
  [{ temperature: Number.NaN }, /temperature is NaN/],
])("%j is refused", (changes, message) => {
  expect(() => weightedKnn(inputs(changes))).toThrow(message);
});

test("no tensor is left behind", () => {
  evaluateKnn(bank, queries);
  const before = liveTensors().live;
  evaluateKnn(bank, queries);
  expect(liveTensors().live).toBe(before);
});
