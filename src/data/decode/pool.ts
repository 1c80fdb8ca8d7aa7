// Decoding beside the training thread. A training step blocks its thread for as long as it computes; the threads here have
// event loops of their own, so that reading and decoding go on meanwhile.
import { Worker } from "node:worker_threads";
import { SelfsightError } from "../../errors.ts";
import type { Decoded, DecodeOptions, DecodePool } from "./decode.ts";
import { labelOf } from "./picture-bytes.ts";
import type { DecodeReply, DecodeRequest } from "./worker.ts";

export interface PoolOptions {
  /** A thread that answers nothing for so long is given up. Default 60; a picture of 64 million pixels takes about 2. */
  patienceSeconds?: number;
  /** Starts a thread that answers each `DecodeRequest`. */
  startWorker?: () => Worker;
}

interface Waiting {
  request: DecodeRequest;
  resolve(decoded: Decoded): void;
}

interface Decoder {
  waiting: Map<number, Waiting>;
  send(waiting: Waiting): void;
  close(): void;
}

/** What a thread may have been decoding when it failed: as many as it decodes at once, oldest first. */
const decodedAtOnce = Number(process.env.UV_THREADPOOL_SIZE) || 4;

/** Starts `threads` decoding threads. Each takes about 40 MB and, at 256 pixels, lays out some 3,000 pictures a second. */
export function openDecodePool(threads: number, options: DecodeOptions, poolOptions: PoolOptions = {}): DecodePool {
  const decoders = new Set(Array.from({ length: threads }, () => openDecoder(poolOptions, replace)));
  let ticket = 0;
  const submit = (waiting: Waiting) =>
    [...decoders].reduce((idlest, other) => (other.waiting.size < idlest.waiting.size ? other : idlest)).send(waiting);

  /** A thread failed: another takes its place, and each file that may have been the reason is tried once more, alone. */
  function replace(failed: Decoder, reason: string): void {
    decoders.delete(failed);
    decoders.add(openDecoder(poolOptions, replace));
    const unanswered = [...failed.waiting.values()];
    for (const waiting of unanswered.slice(0, decodedAtOnce)) decodeAlone(waiting, reason, poolOptions);
    for (const waiting of unanswered.slice(decodedAtOnce)) submit(waiting);
  }

  return {
    decode: ({ path, label, part, bytes }) => {
      const source = { path, label, bytes, ...(part && { part }) };
      return new Promise((resolve) => submit({ request: { ticket: ticket++, source, options }, resolve }));
    },
    close() {
      for (const decoder of decoders) decoder.close();
    },
  };
}

/** In a thread of its own; if that one fails too, the file is bad. */
function decodeAlone({ request, resolve }: Waiting, reason: string, poolOptions: PoolOptions): void {
  const condemned = new SelfsightError(
    "data",
    `decoding ${labelOf(request.source)}: ${reason}, and again when it was alone.`,
  );
  const decoder = openDecoder(poolOptions, () => resolve({ error: condemned }));
  const settle = (decoded: Decoded) => {
    decoder.close();
    resolve(decoded);
  };
  decoder.send({ request, resolve: settle });
}

function openDecoder(
  { patienceSeconds = 60, startWorker = startDecodeWorker }: PoolOptions,
  onFailure: (decoder: Decoder, reason: string) => void,
): Decoder {
  const worker = startWorker();
  const patience = watchdog(1000 * patienceSeconds, () =>
    fail(`its decoder answered nothing for ${patienceSeconds} s`),
  );
  let isOpen = true;
  const decoder: Decoder = {
    waiting: new Map(),
    send(waiting) {
      decoder.waiting.set(waiting.request.ticket, waiting);
      worker.ref(); // a picture that is waited for keeps the process alive, an idle thread does not
      if (decoder.waiting.size === 1) patience.start();
      worker.postMessage(waiting.request);
    },
    close() {
      isOpen = false;
      patience.stop();
      worker.postMessage("close");
    },
  };
  /** A thread that is stuck is left to itself: one must not be ended inside the decoder. */
  const fail = (reason: string) => {
    if (!isOpen) return;
    decoder.close();
    worker.unref();
    onFailure(decoder, reason);
  };
  worker.unref();
  worker.on("error", (cause) => fail(`its decoder failed (${cause instanceof Error ? cause.message : String(cause)})`));
  worker.on("exit", (code) => fail(`its decoder ended (exit code ${code})`));
  worker.on("message", (reply: DecodeReply) => {
    const waiting = decoder.waiting.get(reply.ticket);
    decoder.waiting.delete(reply.ticket);
    if (decoder.waiting.size > 0) patience.start();
    else {
      patience.stop();
      worker.unref();
    }
    waiting?.resolve("image" in reply ? { image: reply.image } : { error: new SelfsightError("data", reply.reason) });
  });
  return decoder;
}

/** Calls `onSilence` when it was started and neither started again nor stopped for so long. */
function watchdog(milliseconds: number, onSilence: () => void) {
  let timer: NodeJS.Timeout | undefined;
  let round = 0;
  const stop = () => {
    clearTimeout(timer);
    round++;
  };
  return {
    stop,
    start() {
      stop();
      const own = round;
      // A step may have blocked this thread for longer: replies that wait at the door are let in before it is called silence.
      timer = setTimeout(() => setImmediate(() => own === round && onSilence()), milliseconds).unref();
    },
  };
}

/** From sources (tests), a thread cannot load TypeScript by itself and is started through jiti. */
function startDecodeWorker(): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  const body = new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url);
  if (!isSource) return new Worker(body);
  const start = `import("jiti").then(({ createJiti }) => createJiti(${JSON.stringify(import.meta.url)}).import(${JSON.stringify(body.href)}));`;
  return new Worker(start, { eval: true });
}
