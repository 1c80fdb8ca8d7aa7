// What every method must hold, run by each method's own test file. N = 8 images of 16 x 16, trunks of 4 channels.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeViews } from "../src/augment/index.ts";
import type { Case } from "../src/cli/commands/verify/case.ts";
import { lossCases } from "../src/cli/commands/verify/losses.ts";
import type { Batch } from "../src/data/index.ts";
import { SelfsightError } from "../src/errors.ts";
import { type MethodName, methods } from "../src/methods/index.ts";
import { freeNetwork, freeOptimizer, namedParameters } from "../src/nn/index.ts";
import { keyedStream } from "../src/random.ts";
import { autocast, eye, full, liveTensors, scope, type Tensor, tensor } from "../src/torch/index.ts";
import {
  buildState,
  checkpointOf,
  type PartialSettings,
  parseSettings,
  resolveSettings,
  restore,
  type TrainState,
  trainStep,
} from "../src/train/index.ts";
import { contextOf } from "../src/train/state.ts";
import { decodeSafetensors, encodeSafetensors, fromStored, readSafetensors } from "../src/weights/index.ts";

export interface MethodSuite {
  /** The method's own settings, small. */
  options?: PartialSettings;
  /** Whether exchanging the two views leaves the loss; undefined for methods of one view. */
  isSymmetric?: boolean;
  /** Whether one and the same embedding for all images is worse than distinct ones; undefined where it has no meaning. */
  refusesCollapse?: boolean;
  /** How the names of its reference cases begin. */
  cases?: string;
}

const batchSize = 8;
const classes = ["a", "b", "c"];

export const tinySettings = (method: MethodName, options: PartialSettings = {}) =>
  resolveSettings(
    {
      method,
      width: 4,
      size: 16,
      batchSize,
      epochs: 4,
      precision: "fp32",
      device: "cpu",
      watchEverySteps: 0,
      zeroInitResidual: false,
    },
    { warmupEpochs: 0, optimizer: { name: "sgd", learningRate: 0.5 } },
    options,
  );

/** A run of four epochs of four steps, before its first step. */
export const tinyState = (method: MethodName, options?: PartialSettings): TrainState =>
  buildState(tinySettings(method, options), { length: 4 * batchSize, classes });

/** Smooth pictures, so that crops of one resemble each other more than crops of two. */
export function tinyBatch(step = 0, images = batchSize): Batch {
  const pixels = new Uint8Array(images * 3 * 16 * 16);
  const waves = Array.from({ length: images * 3 }, (_, i) => keyedStream(7, step, i)).map((draw) => [
    draw(),
    draw(),
    draw(),
  ]);
  pixels.forEach((_, at) => {
    const [plane, y, x] = [Math.floor(at / 256), Math.floor((at % 256) / 16), at % 16];
    const [a, b, c] = waves[plane]!;
    pixels[at] = 127 + 120 * Math.sin(a! * x + b! * y + 6 * c!);
  });
  const indices = Uint32Array.from({ length: images }, (_, i) => (step * images + i) % (4 * batchSize));
  const labels = Int32Array.from({ length: images }, (_, i) => i % classes.length);
  return { epoch: Math.floor(step / 4), step, indices, labels, images: { pixels, channels: 3, height: 16, width: 16 } };
}

const viewsOf = ({ settings }: TrainState, batch: Batch): Tensor[] =>
  makeViews(batch, settings.views, { seed: settings.seed });
const labelsOf = ({ labels }: Batch): Tensor => tensor(labels!).to("int64");

/** The loss of views that are given, as it stands before the step. */
export function lossOf(state: TrainState, views: readonly Tensor[], labels: Tensor): Tensor {
  const context = contextOf(state, labels);
  const { method } = state;
  return method.loss(method.embed(method.represent(views, context), context), context).loss;
}

export function freeState(state: TrainState): void {
  freeOptimizer(state.optimizer);
  freeNetwork(state.network);
}

const referenceFolder = fileURLToPath(new URL("reference/", import.meta.url));

export function runMethodSuite(
  name: MethodName,
  { options = {}, isSymmetric, refusesCollapse, cases }: MethodSuite,
): void {
  let state: TrainState;
  const inScope = (body: () => void) => () => scope(body);
  beforeAll(() => {
    state = tinyState(name, options);
  });
  afterAll(() => {
    freeState(state);
    expect(liveTensors().live).toBe(0);
  });

  describe(`${name}, as every method`, () => {
    it(
      "has a finite scalar loss",
      inScope(() => {
        const loss = lossOf(state, viewsOf(state, tinyBatch()), labelsOf(tinyBatch()));
        expect(loss.shape).toEqual([]);
        expect(loss.dtype).toBe("float32");
        expect(Number.isFinite(loss.item())).toBe(true);
      }),
    );

    it.runIf(isSymmetric !== undefined)(
      "answers to an exchange of the views as declared",
      inScope(() => {
        const [a, b, ...rest] = viewsOf(state, tinyBatch());
        const [loss, exchanged] = [
          [a!, b!, ...rest],
          [b!, a!, ...rest],
        ].map((views) => lossOf(state, views, labelsOf(tinyBatch())).item());
        const difference = Math.abs(exchanged! - loss!) / Math.max(1, Math.abs(loss!));
        if (isSymmetric) expect(difference).toBeLessThan(1e-5);
        else expect(difference).toBeGreaterThan(1e-4);
      }),
    );

    it(
      "does not depend on the order of the images",
      inScope(() => {
        const order = tensor(BigInt64Array.from([3, 1, 7, 0, 5, 2, 6, 4], BigInt));
        const views = viewsOf(state, tinyBatch());
        const permuted = views.map((view) => view.indexSelect(0, order));
        const loss = lossOf(state, views, labelsOf(tinyBatch())).item();
        const again = lossOf(state, permuted, labelsOf(tinyBatch()).indexSelect(0, order)).item();
        expect(Math.abs(again - loss)).toBeLessThan(1e-5 * Math.max(1, Math.abs(loss)));
      }),
    );

    it(
      "gives every learned parameter a gradient and no frozen one",
      inScope(() => {
        lossOf(state, viewsOf(state, tinyBatch()), labelsOf(tinyBatch())).backward();
        const learned = namedParameters(state.method.trainable);
        for (const [key, parameter] of learned) {
          const norm = parameter.grad?.norm().item();
          expect(norm, key).toBeTypeOf("number");
          expect(Number.isFinite(norm), key).toBe(true);
          if (parameter.shape.length > 1) expect(norm, key).toBeGreaterThan(0);
          parameter.clearGrad();
        }
        const frozen = namedParameters(state.method.frozen ?? {});
        for (const [key, parameter] of frozen) {
          expect(parameter.grad, key).toBeUndefined();
          expect(parameter.requiresGrad, key).toBe(false); // nothing is recorded for it
        }
      }),
    );

    it("learns with a vision transformer as its trunk", () => {
      const trunk: PartialSettings = {
        backbone: "vit-tiny",
        stem: "patch-4",
        optimizer: { name: "sgd", learningRate: 0.01 },
      };
      const other = tinyState(name, { ...options, ...trunk });
      const weights = namedParameters(other.method.trainable).get("backbone.blocks.0.attn.qkv.weight")!;
      const before = weights.float32().slice();
      trainStep(other, tinyBatch());
      expect(weights.float32()).not.toEqual(before);
      freeState(other);
    });

    it(
      "computes its loss in float32, whatever the networks compute in",
      inScope(() => {
        const context = contextOf(state, labelsOf(tinyBatch()));
        const { method } = state;
        const embeddings = method.embed(method.represent(viewsOf(state, tinyBatch()), context), context);
        const short = embeddings.map((embedding) => embedding.detach().to("bfloat16"));
        const wide = short.map((embedding) => embedding.to("float32"));
        const expected = method.loss(wide, context).loss.item();
        const { loss } = autocast({ dtype: "bfloat16" }, () => method.loss(short, context));
        expect([loss.dtype, loss.item()]).toEqual(["float32", expected]);
      }),
    );

    it.runIf("momentum" in methods[name].options.shape)("moves its teacher by the momentum of the step", () => {
      const run = tinyState(name, { ...options, momentum: 0, finalMomentum: 1 } as PartialSettings);
      const lag = () =>
        scope(() => {
          const students = namedParameters(run.method.trainable);
          const teachers = [...namedParameters(run.method.frozen!.teacher!)];
          return Math.hypot(...teachers.map(([key, p]) => p.sub(students.get(key)!).norm().item()));
        });
      trainStep(run, tinyBatch());
      expect(lag()).toBe(0); // it keeps nothing of itself at the start
      run.step = run.totalSteps / 2;
      trainStep(run, tinyBatch());
      expect(lag()).toBeGreaterThan(1e-3);
      freeState(run);
    });

    it.runIf(cases)(
      "agrees with every reference case in value and gradient",
      inScope(() => {
        const files = readdirSync(referenceFolder).filter((file) =>
          new RegExp(`^${cases}_.*\\d+x\\d+\\.safetensors$`).test(file),
        );
        expect(files.length).toBeGreaterThanOrEqual(3);
        for (const file of files) {
          const { tensors, metadata } = readSafetensors(`${referenceFolder}${file}`);
          const reference: Case = {
            metadata,
            names: [...tensors.keys()],
            device: "cpu",
            get: (key) => fromStored(tensors.get(key)!),
          };
          for (const { name: what, error, tolerance } of lossCases[metadata.op!]!(reference))
            expect(error, `${file} ${what}`).toBeLessThanOrEqual(tolerance);
        }
      }),
    );

    it.runIf(refusesCollapse !== undefined)(
      "knows collapse as declared",
      inScope(() => {
        const context = contextOf(state);
        const shapes = state.method
          .embed(state.method.represent(viewsOf(state, tinyBatch()), context), context)
          .map(({ shape }) => shape);
        const lossAt = (make: (shape: readonly number[]) => Tensor) =>
          state.method.loss(shapes.map(make), context).loss.item();
        const collapsed = lossAt((shape) => full(shape, 0.5));
        const distinct = lossAt(([images, features]) => eye(features!).narrow(0, 0, images!));
        if (refusesCollapse) expect(collapsed).toBeGreaterThan(distinct + 0.1);
        else expect(collapsed).toBeCloseTo(distinct, 5);
      }),
    );

    it("keeps no tensor from step to step", () => {
      const counts = Array.from({ length: 20 }, (_, step) => {
        trainStep(state, tinyBatch(step));
        return liveTensors().live;
      });
      expect(new Set(counts)).toEqual(new Set([counts[0]]));
    });

    it("goes on to the bit from what was saved", () => {
      const saved = scope(() => checkpointOf(state, { settingsHash: "", fingerprint: "", quarantine: [] }));
      const reread = ({ tensors, metadata }: typeof saved.model) =>
        decodeSafetensors(Buffer.concat(encodeSafetensors({ tensors, metadata })));
      const again = tinyState(name, { ...options, seed: 99 });
      restore(again, { ...saved, model: reread(saved.model), optimizer: reread(saved.optimizer) } as never);
      again.settings = state.settings;
      for (const step of [20, 21, 22])
        expect(trainStep(again, tinyBatch(step)).loss).toBe(trainStep(state, tinyBatch(step)).loss);
      freeState(again);
    });

    it("has settings that survive JSON", () => {
      const settings = tinySettings(name, options);
      expect(parseSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings);
    });

    it("refuses a batch below its smallest, by name", () => {
      const { title } = methods[name];
      const smallestBatch = methods[name].smallestBatch(tinySettings(name, options) as never);
      const attempt = () => tinySettings(name, { ...options, batchSize: smallestBatch - 1 });
      expect(attempt).toThrow(SelfsightError);
      expect(attempt).toThrow(`${title} needs at least ${smallestBatch}`);
    });
  });
}

// ---- the float64 vectors of the losses' tests: za[i] = sin(i + 1), zb[i] = cos(0.7 i + 0.3), [4, 3] ----

const numbers = (length: number, formula: (i: number) => number): Float64Array =>
  Float64Array.from({ length }, (_, i) => formula(i));

export const vectors = {
  za: () =>
    tensor(
      numbers(12, (i) => Math.sin(i + 1)),
      [4, 3],
    ),
  zb: () =>
    tensor(
      numbers(12, (i) => Math.cos(0.7 * i + 0.3)),
      [4, 3],
    ),
  /** Five rows of unit length from sin(0.9 j + 2). */
  queue: () => {
    const rows = tensor(
      numbers(15, (j) => Math.sin(0.9 * j + 2)),
      [5, 3],
    );
    return rows.div(rows.norm({ dim: 1, keepDim: true }));
  },
};
