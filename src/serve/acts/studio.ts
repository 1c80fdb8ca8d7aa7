// The augmentation studio's worker: a process that draws views by the kernels that train, asked one recipe at a time.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { z } from "zod";
import { SelfsightError } from "../../errors.ts";
import { selfsight } from "./commands.ts";

export interface Studio {
  draw(given: unknown): Promise<unknown>;
  close(): void;
}

const requestSchema = z.strictObject({
  data: z.string().min(1).max(4096),
  views: z.array(z.record(z.string(), z.json())).max(16),
  seed: z.number().int().min(0).max(4_294_967_295),
  size: z.number().int().min(8).max(1024),
  pictures: z.number().int().min(1).max(32),
});

interface Worker {
  data: string;
  child: ChildProcess;
  lines: AsyncIterator<string>;
  ready: Record<string, unknown>;
}

/** After so long without a wish the worker ends, and its memory goes back. */
const idleMs = 300_000;

/** No process yet: it starts with the first wish, and anew for other pictures. */
export function studioWorker(): Studio {
  let worker: Promise<Worker> | undefined;
  let before: Promise<unknown> = Promise.resolve();
  let count = 0;
  let idle: NodeJS.Timeout | undefined;

  const close = () => {
    clearTimeout(idle);
    worker?.then(
      ({ child }) => child.kill(),
      () => {},
    );
    worker = undefined;
  };
  async function workerFor(data: string): Promise<Worker> {
    const own = await worker?.catch(() => undefined);
    if (own && own.data === data && own.child.exitCode === null) return own;
    close();
    worker = startWorker(data);
    return worker;
  }
  async function drawn(given: unknown): Promise<unknown> {
    const { data, ...wish } = requestSchema.parse(given);
    const own = await workerFor(data);
    clearTimeout(idle);
    idle = setTimeout(close, idleMs).unref();
    if (wish.views.length === 0) return { ...own.ready };
    own.child.stdin!.write(`${JSON.stringify({ id: ++count, indices: null, ...wish })}\n`);
    const answer = await lineFrom(own.lines);
    if (answer.ok !== true) throw new SelfsightError("configuration", String(answer.error));
    return { ...answer, ready: own.ready };
  }
  return {
    close,
    draw(given) {
      const own = before.then(() => drawn(given));
      before = own.catch(() => {});
      return own;
    },
  };
}

async function startWorker(data: string): Promise<Worker> {
  const child = spawn(process.execPath, [selfsight, "studio", "--", data], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (text) => {
    complaint = `${complaint}${text}`.slice(-4000);
  });
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  const ready = await Promise.race([lineFrom(lines).catch(() => ({ ready: false, error: complaint })), failed]);
  if (ready.ready === true) return { data, child, lines, ready };
  child.kill();
  throw new SelfsightError("configuration", String(ready.error ?? complaint).replace(/^selfsight: /, ""));
}

async function lineFrom(lines: AsyncIterator<string>): Promise<Record<string, unknown>> {
  const { value, done } = await lines.next();
  if (done) throw new SelfsightError("configuration", "studio: the worker ended; try again");
  return JSON.parse(value) as Record<string, unknown>;
}
