import { InferenceSession, Tensor as Value } from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { evaluationImages } from "../../augment/index.ts";
import { type BackboneNetwork, type BackboneOptions, freeNetwork, makeBackbone, stateOf } from "../../nn/index.ts";
import { manualSeed, noGrad, rand, randn, scope, type Tensor, tensor } from "../../torch/index.ts";
import type { BackboneWeights } from "../backbone.ts";
import { storedMap } from "../formats/safetensors.ts";
import { toFloat16 } from "./drawing.ts";
import { type OnnxOptions, onnxModel } from "./onnx.ts";

const normalization = {
  mean: [0.485, 0.456, 0.406] as [number, number, number],
  std: [0.229, 0.224, 0.225] as [number, number, number],
};

/** A network whose batch norms have seen pictures. */
function network(options: Omit<BackboneOptions, "zeroInitResidual">) {
  manualSeed(7);
  const backbone = makeBackbone({ ...options, zeroInitResidual: false });
  const images = randn([8, 3, options.size, options.size]);
  noGrad(() => scope(() => backbone.forward(images).size(0)));
  backbone.eval();
  const weights: BackboneWeights = { width: 64, ...options, normalization, weights: storedMap(stateOf(backbone)) };
  return { backbone, weights };
}

async function run(model: Uint8Array, feeds: Record<string, Value>) {
  const session = await InferenceSession.create(model);
  const found = await session.run(feeds);
  await session.release();
  return new Map(Object.entries(found).map(([name, { data, dims }]) => [name, { data: data as Float32Array, dims }]));
}

const fed = (images: Tensor) => ({ pixel_values: new Value("float32", images.data() as Float32Array, images.shape) });
const forward = (backbone: BackboneNetwork, images: Tensor) =>
  noGrad(() => scope(() => backbone.forward(images).data() as Float32Array));

/** ‖a - b‖ / ‖b‖ */
function difference(found: Float32Array, expected: Float32Array): number {
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  expect(found.length).toBe(expected.length);
  return norm(found.map((value, i) => value - expected[i]!)) / norm(expected);
}

const cases = [
  [{ backbone: "resnet18", stem: "small", width: 8, size: 32 }, 40, [3, 64, 4, 4]],
  [{ backbone: "resnet34", stem: "small-stride-2", width: 8, size: 32 }, 48, [3, 64, 2, 2]],
  [{ backbone: "resnet50", stem: "imagenet", width: 8, size: 64 }, 96, [3, 256, 2, 2]],
  [{ backbone: "vit-tiny", stem: "patch-8", width: 16, size: 32 }, 48, [3, 17, 48]],
  [{ backbone: "vit-small", stem: "patch-16", width: 8, size: 64 }, 32, [3, 17, 48]],
] as const;

describe.each(cases)("%j in onnxruntime", (options, otherSize, lastShape) => {
  const { backbone, weights } = network(options);
  const featuresOf = async (images: Tensor, how: OnnxOptions = {}) =>
    (await run(onnxModel(weights, how), fed(images))).get("features")!.data;

  test("computes what the engine does, at any batch and size", async () => {
    for (const [batch, size] of [
      [1, options.size],
      [3, options.size],
      [2, otherSize],
    ] as const) {
      const images = randn([batch, 3, size, size]);
      expect(difference(await featuresOf(images), forward(backbone, images))).toBeLessThan(1e-5);
    }
  });

  test("in half precision to eleven bits, in half the bytes", async () => {
    const images = randn([3, 3, options.size, options.size]);
    expect(difference(await featuresOf(images, { precision: "float16" }), forward(backbone, images))).toBeLessThan(
      5e-3,
    );
    const share = onnxModel(weights, { precision: "float16" }).length / onnxModel(weights).length;
    expect(share).toBeLessThan(0.6);
  });

  test("for transformers.js: the last map or tokens, and the features", async () => {
    const images = randn([3, 3, options.size, options.size]);
    const found = await run(onnxModel(weights, { outputs: "transformers" }), fed(images));
    expect(found.get("last_hidden_state")!.dims).toEqual(lastShape);
    expect(difference(found.get("pooler_output")!.data, forward(backbone, images))).toBeLessThan(1e-5);
  });

  test("from bytes of any size as evaluation sees them", async () => {
    for (const [height, width] of [
      [61, 90],
      [130, 120],
      [20, 28],
    ] as const) {
      const bytes = rand([2, 3, height, width]).mul(256).to("uint8");
      const images = { pixels: bytes.data() as Uint8Array, channels: 3, height, width } as const;
      const seen = evaluationImages(
        { images, indices: Uint32Array.of(0, 1) },
        { size: options.size, normalize: normalization },
      );
      const last = bytes.permute(0, 2, 3, 1).contiguous().data() as Uint8Array;
      const found = await run(onnxModel(weights, { input: "bytes" }), {
        images: new Value("uint8", last, [2, height, width, 3]),
      });
      expect(difference(found.get("features")!.data, forward(backbone, seen))).toBeLessThan(1e-4);
    }
    freeNetwork(backbone);
  });
});

test("from 224 pixels on the middle of 256 parts is taken, a half rounded up", async () => {
  const { backbone, weights } = network({ backbone: "resnet18", stem: "imagenet", width: 4, size: 224 });
  const [height, width] = [260, 300]; // 227.5 becomes 228
  const bytes = rand([1, 3, height, width]).mul(256).to("uint8");
  const images = { pixels: bytes.data() as Uint8Array, channels: 3, height, width } as const;
  const seen = evaluationImages({ images, indices: Uint32Array.of(0) }, { size: 224, normalize: normalization });
  const last = bytes.permute(0, 2, 3, 1).contiguous().data() as Uint8Array;
  const found = await run(onnxModel(weights, { input: "bytes" }), {
    images: new Value("uint8", last, [1, height, width, 3]),
  });
  expect(difference(found.get("features")!.data, forward(backbone, seen))).toBeLessThan(1e-4);
  freeNetwork(backbone);
});

test("a network of 2 GiB is refused by its declared shapes, before any memory is taken", () => {
  const { weights } = network({ backbone: "resnet18", stem: "small", width: 4, size: 32 });
  const huge = { dtype: "F32", shape: [2 ** 30], bytes: new Uint8Array(0) } as const;
  const large = { ...weights, weights: new Map([["conv1.weight", huge]]) };
  expect(() => onnxModel(large)).toThrow(/4\.0 GiB; one ONNX file holds less than 2 GiB/);
});

test("float16 is rounded as libtorch rounds it", () => {
  const edges = [
    0,
    -0,
    1,
    65504,
    65519.99,
    65520,
    1e6,
    -1e6,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    2 ** -25 * 1.0001,
    2 ** -26,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
  ];
  const random = Array.from({ length: 2000 }, (_, i) => (Math.sin(i * 12.9898) * 43758.5453) % 1).map(
    (x, i) => x * 10 ** ((i % 12) - 8),
  );
  const values = Float32Array.from([...edges, ...random, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  const expected = scope(() => tensor(values).to("float16").to("float32").data() as Float32Array);
  const found = Float32Array.from(values, (value) => fromBits(toFloat16(value)));
  expect(found).toEqual(expected);
  expect(fromBits(toFloat16(Number.NaN))).toBeNaN();
});

function fromBits(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
