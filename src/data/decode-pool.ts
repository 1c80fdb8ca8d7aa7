// Decoding beside the training thread. A training step blocks its thread for as long as it computes; the threads here have
// event loops of their own, so that reading, decoding and laying out planes go on meanwhile.
import { Worker } from "node:worker_threads";
import { SelfsightError } from "../errors.ts";
import type { ImageFile, RawImage } from "./dataset.ts";
import type { DecodeOptions } from "./decode.ts";
import type { DecodeReply, DecodeRequest } from "./decode-worker.ts";

/** A decoded picture, or why the file is bad. */
export type Decoded = { image: RawImage } | { error: SelfsightError };

export interface DecodePool {
  decode(file: ImageFile): Promise<Decoded>;
  close(): void;
}

interface Waiting {
  resolve(decoded: Decoded): void;
  reject(cause: unknown): void;
}

interface Decoder {
  worker: Worker;
  waiting: Map<number, Waiting>;
}

/** Starts `threads` decoding threads. Each takes about 40 MB and, at 256 pixels, lays out some 3,000 pictures a second. */
export function openDecodePool(threads: number, options: DecodeOptions): DecodePool {
  const decoders = Array.from({ length: threads }, startDecoder);
  let ticket = 0;
  return {
    decode(file) {
      const decoder = decoders.reduce((idlest, other) => (other.waiting.size < idlest.waiting.size ? other : idlest));
      const request: DecodeRequest = { ticket: ticket++, path: file.path, label: file.label, options };
      return new Promise((resolve, reject) => {
        decoder.waiting.set(request.ticket, { resolve, reject });
        decoder.worker.ref(); // a picture that is waited for keeps the process alive, an idle thread does not
        decoder.worker.postMessage(request);
      });
    },
    close() {
      for (const { worker } of decoders) worker.postMessage("close");
    },
  };
}

function startDecoder(): Decoder {
  const decoder: Decoder = { worker: startWorker(), waiting: new Map() };
  decoder.worker.unref();
  decoder.worker.on("message", (reply: DecodeReply) => settle(decoder, reply));
  decoder.worker.on("error", (cause) => {
    for (const { reject } of decoder.waiting.values()) reject(cause);
  });
  return decoder;
}

function settle({ worker, waiting }: Decoder, reply: DecodeReply): void {
  const waiter = waiting.get(reply.ticket);
  waiting.delete(reply.ticket);
  if (waiting.size === 0) worker.unref();
  waiter?.resolve("image" in reply ? { image: reply.image } : { error: new SelfsightError("data", reply.reason) });
}

/** From sources (tests), a thread cannot load TypeScript by itself and is started through jiti. */
function startWorker(): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  const body = new URL(isSource ? "./decode-worker.ts" : "./decode-worker.js", import.meta.url);
  if (!isSource) return new Worker(body);
  const start = `import("jiti").then(({ createJiti }) => createJiti(${JSON.stringify(import.meta.url)}).import(${JSON.stringify(body.href)}));`;
  return new Worker(start, { eval: true });
}
