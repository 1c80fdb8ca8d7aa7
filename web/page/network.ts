// H height, W width, D features. The exported network in onnxruntime-web: pictures never leave the browser.
import { unit } from "./nearest.js";

/** As much of onnxruntime's interface as is called. */
interface Runtime {
  env: { wasm: { numThreads: number; wasmPaths: string } };
  InferenceSession: { create(model: string, options: { executionProviders: string[] }): Promise<Session> };
  Tensor: new (type: "uint8", data: Uint8Array, shape: readonly number[]) => unknown;
}
interface Session {
  run(inputs: Record<string, unknown>): Promise<{ features: { data: Float32Array } }>;
}

export interface Network {
  /** Unit features [D] of a picture. Rejects for what is none. */
  embed(picture: Blob): Promise<Float32Array>;
}

/** Larger pictures are drawn smaller first, to spare memory; the network sees far fewer pixels. */
const mostPixels = 1024;

export async function openNetwork(): Promise<Network> {
  const address = new URL("./ort/ort.wasm.min.mjs", document.baseURI).href;
  const runtime: Runtime = await import(address);
  runtime.env.wasm.numThreads = 1; // more would need headers that a static server does not send
  runtime.env.wasm.wasmPaths = new URL("./ort/", document.baseURI).href;
  const session = await runtime.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });
  return {
    async embed(picture) {
      const { bytes, height, width } = await pixelsOf(picture);
      const { features } = await session.run({ images: new runtime.Tensor("uint8", bytes, [1, height, width, 3]) });
      return unit(features.data);
    },
  };
}

/** Bytes [H, W, 3], upright, over white. */
async function pixelsOf(picture: Blob): Promise<{ bytes: Uint8Array; height: number; width: number }> {
  const bitmap = await createImageBitmap(picture, { imageOrientation: "from-image" });
  const share = Math.min(1, mostPixels / Math.min(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(share * side))) as [
    number,
    number,
  ];
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height); // red, green, blue, alpha
  return {
    bytes: Uint8Array.from({ length: 3 * width * height }, (_, i) => data[4 * Math.floor(i / 3) + (i % 3)]!),
    height,
    width,
  };
}
