// The body of a decoding thread: reads and decodes the files it is told, a few at a time, and hands the pixels over.
import { parentPort } from "node:worker_threads";
import type { RawImage } from "../dataset.ts";
import { type DecodeOptions, decodeImage } from "./decode.ts";
import type { PictureSource } from "./picture-bytes.ts";

export interface DecodeRequest {
  ticket: number;
  source: PictureSource;
  options: DecodeOptions;
}

/** The picture, or why there is none. */
export type DecodeReply = { ticket: number } & ({ image: RawImage } | { reason: string });

/** Decodes under way at once: the size of Node's thread pool, whose threads do the work. */
const atOnce = Number(process.env.UV_THREADPOOL_SIZE) || 4;

const port = parentPort!;
const waiting: DecodeRequest[] = [];
let running = 0;

port.on("message", (message: DecodeRequest | "close") => {
  if (message === "close") return close();
  waiting.push(message);
  startNext();
});

function startNext(): void {
  const request = running < atOnce ? waiting.shift() : undefined;
  if (!request) return;
  running++;
  void answer(request).then(() => {
    running--;
    startNext();
  });
}

async function answer({ ticket, source, options }: DecodeRequest): Promise<void> {
  try {
    const image = await decodeImage(source, options);
    port.postMessage({ ticket, image } satisfies DecodeReply, [image.pixels.buffer as ArrayBuffer]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    port.postMessage({ ticket, reason } satisfies DecodeReply);
  }
}

/** What is under way is finished, for a thread must not be ended inside the decoder; the rest is dropped. */
function close(): void {
  waiting.length = 0;
  port.close();
}
