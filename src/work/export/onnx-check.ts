// N images, S side, D features. An exported model beside the engine, on the same pictures.
import { evaluationImages } from "../../augment/index.ts";
import { SelfsightError } from "../../errors.ts";
import { freeNetwork, isTransformer, type PatchStem, patchSideOf } from "../../nn/index.ts";
import {
  arange,
  manualSeed,
  noGrad,
  rand,
  randn,
  randomState,
  scope,
  setRandomState,
  type Tensor,
} from "../../torch/index.ts";
import { type BackboneWeights, buildBackbone } from "../../weights/index.ts";

/** How far an ONNX file is from the engine. */
export interface OnnxCheck {
  /** What computed it, such as "onnxruntime-node 1.30.0". */
  runtime: string;
  /** How many batches were compared. */
  inputs: number;
  /** The largest of ‖difference‖ / ‖features‖. */
  largestDifference: number;
}

/** As much of onnxruntime's interface as is called. */
interface Runtime {
  InferenceSession: { create(model: Uint8Array): Promise<Session> };
  Tensor: new (type: string, data: Float32Array | Uint8Array, shape: readonly number[]) => unknown;
  env: { versions: Record<string, string | undefined>; wasm: { numThreads?: number } };
}
interface Session {
  run(inputs: Record<string, unknown>): Promise<Record<string, { data: Float32Array }>>;
  release(): Promise<void>;
}

/** Float32 differs by rounding alone; half precision by 11 bits, layer upon layer. */
const bounds = { float32: 1e-4, float16: 2e-2 } as const;

export interface ChecksModel {
  weights: BackboneWeights;
  /** As the model was made with. */
  input: "normalized" | "bytes";
  precision: keyof typeof bounds;
  /** The name under which its features come out. */
  output: string;
}

/**
 * Runs the model on fixed and random pictures, single and in batches, of the network's size and of others.
 *
 * @throws SelfsightError "configuration" where no onnxruntime is installed, "numerics" where it is too far from the engine.
 */
export async function checkOnnx(
  model: Uint8Array,
  { weights, input, precision, output }: ChecksModel,
): Promise<OnnxCheck> {
  const { name, runtime } = await installedRuntime();
  const cases = casesFor(weights, input);
  const session = await runtime.InferenceSession.create(model);
  let largestDifference = 0;
  for (const { feed, expected } of cases) {
    const found = await session.run({ [feed.name]: new runtime.Tensor(feed.type, feed.values, feed.shape) });
    largestDifference = Math.max(largestDifference, relativeDifference(found[output]!.data, expected));
  }
  await session.release();
  refuseFar(largestDifference, bounds[precision], name);
  return { runtime: name, inputs: cases.length, largestDifference };
}

interface Case {
  feed: { name: string; type: "float32" | "uint8"; values: Float32Array | Uint8Array; shape: readonly number[] };
  /** [N, D], the engine's. */
  expected: Float32Array;
}

/** Batches with what the engine makes of them, in float32 on the CPU. Its generator is left as it was found. */
function casesFor(weights: BackboneWeights, input: ChecksModel["input"]): Case[] {
  const network = buildBackbone(weights);
  const before = randomState();
  try {
    network.eval();
    manualSeed(0);
    const features = (images: Tensor) => network.forward(images).data() as Float32Array;
    const cases = () => (input === "bytes" ? ofBytes(weights, features) : ofPixelValues(weights, features));
    return noGrad(() => scope(cases));
  } finally {
    setRandomState(before);
    freeNetwork(network);
  }
}

/** A ramp from corner to corner and back, one random picture and three, and one of another size: [N, 3, S, S]. */
function ofPixelValues({ backbone, stem, size }: BackboneWeights, features: (images: Tensor) => Float32Array): Case[] {
  const ramp = arange(3 * size * size)
    .reshape(1, 3, size, size)
    .mul(4 / (3 * size * size))
    .sub(2);
  const other = size + (isTransformer(backbone) ? patchSideOf(stem as PatchStem) : 8);
  const random = (count: number, side: number) => randn([count, 3, side, side]);
  return [ramp, ramp.neg(), random(1, size), random(3, size), random(1, other)].map((images) => ({
    feed: { name: "pixel_values", type: "float32", values: images.data() as Float32Array, shape: images.shape },
    expected: features(images),
  }));
}

/** White noise, smaller, larger, wide and tall, fed as bytes [N, H, W, 3]. */
function ofBytes(
  { size, normalization: normalize }: BackboneWeights,
  features: (images: Tensor) => Float32Array,
): Case[] {
  const [small, large] = [Math.ceil(size / 2), 2 * size + 5];
  const shapes = [
    [1, size, size],
    [3, small, large],
    [1, large, size + 1],
  ] as const;
  return shapes.map(([count, height, width]) => {
    const bytes = rand([count, 3, height, width]).mul(256).to("uint8"); // [N, 3, H, W]
    const images = { pixels: bytes.data() as Uint8Array, channels: 3, height, width } as const;
    const values = bytes.permute(0, 2, 3, 1).contiguous().data() as Uint8Array;
    const batch = { images, indices: Uint32Array.from({ length: count }, (_, i) => i) };
    return {
      feed: { name: "images", type: "uint8", values, shape: [count, height, width, 3] },
      expected: features(evaluationImages(batch, { size, normalize })),
    };
  });
}

function relativeDifference(found: Float32Array, expected: Float32Array): number {
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  const distance = norm(found.map((value, place) => value - expected[place]!));
  return distance === 0 ? 0 : distance / norm(expected); // a network may say nothing of a picture
}

function refuseFar(found: number, bound: number, runtime: string): void {
  if (found <= bound) return; // false for what is not a number
  throw new SelfsightError(
    "numerics",
    `export: in ${runtime} the features are ${found.toExponential(1)} of their length away from the engine's; at most ${bound} is needed; nothing was written; try fp32, or report it`,
  );
}

/** They are large and bring binaries for every system, so a project chooses. */
const runtimes = ["onnxruntime-node", "onnxruntime-web"] as const;

async function installedRuntime(): Promise<{ name: string; runtime: Runtime }> {
  for (const name of runtimes) {
    const runtime = await imported(name);
    if (!runtime) continue;
    runtime.env.wasm.numThreads = 1; // others would be threads that keep the process alive
    const version = runtime.env.versions[name.replace("onnxruntime-", "")] ?? runtime.env.versions.common;
    return { name: `${name}${version ? ` ${version}` : ""}`, runtime };
  }
  throw new SelfsightError(
    "configuration",
    `export: neither ${runtimes.join(" nor ")} is installed; an ONNX file is compared with the engine before it is written; run \`npm install onnxruntime-web\`, or add --unchecked`,
  );
}

async function imported(name: string): Promise<Runtime | undefined> {
  try {
    return (await import(name)) as Runtime;
  } catch {
    return undefined; // not installed, or without its binary
  }
}
