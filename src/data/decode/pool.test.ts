import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDecodePool } from "./pool.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "selfsight-pool-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A thread that answers with one pixel, or dies, throws or is silent where the label says so. */
const startWorker = () =>
  new Worker(
    `const { parentPort } = require("node:worker_threads");
    parentPort.on("message", (message) => {
      if (message === "close") return parentPort.close();
      const { ticket, source: { label } } = message;
      if (label.startsWith("exit")) process.exit(3);
      if (label.startsWith("throw")) throw new Error("broken decoder");
      if (label.startsWith("hang")) return;
      parentPort.postMessage({ ticket, image: { pixels: new Uint8Array(3), height: 1, width: 1 } });
    });`,
    { eval: true },
  );
const file = (label: string) => ({ path: Buffer.from(label), label, bytes: 1 });
const outcome = async (decoded: ReturnType<ReturnType<typeof openDecodePool>["decode"]>) => {
  const result = await decoded;
  return "image" in result ? "image" : result.error.message;
};

test.each([
  ["exit", /decoding exit: its decoder ended \(exit code 3\), and again when it was alone/],
  ["throw", /decoding throw: its decoder failed \(broken decoder\)/],
  ["hang", /decoding hang: its decoder answered nothing for 1.5 s/],
])("a file on which the thread does %s is bad, all others are decoded by its successor", async (fault, reason) => {
  const pool = openDecodePool(1, {}, { startWorker, patienceSeconds: 1.5 });
  const labels = ["a", "b", fault, "c", "d", "e", "f", "g", "h"];
  const outcomes = await Promise.all(labels.map((label) => outcome(pool.decode(file(label)))));
  for (const [i, label] of labels.entries()) {
    if (label === fault) expect(outcomes[i]).toMatch(reason);
    else expect(outcomes[i]).toBe("image");
  }
  expect(await outcome(pool.decode(file("later")))).toBe("image");
  pool.close();
});

test("a training step longer than the patience is not taken for silence", async () => {
  const pool = openDecodePool(1, {}, { startWorker, patienceSeconds: 2 });
  expect(await outcome(pool.decode(file("warm")))).toBe("image");
  const decoded = pool.decode(file("a"));
  await new Promise((resolve) => setImmediate(resolve));
  const until = performance.now() + 2500;
  while (performance.now() < until);
  expect(await outcome(decoded)).toBe("image");
  pool.close();
});

test("real threads decode real files, in any number", async () => {
  const path = join(folder, "red.png");
  await sharp({ create: { width: 5, height: 4, channels: 3, background: "red" } })
    .png()
    .toFile(path);
  const pool = openDecodePool(2, {});
  const results = await Promise.all(
    Array.from({ length: 20 }, () => pool.decode({ ...file("red.png"), path: Buffer.from(path) })),
  );
  for (const result of results)
    expect(result).toMatchObject({
      image: { height: 4, width: 5, pixels: Uint8Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? 255 : 0)) },
    });
  pool.close();
});

test("a process whose pool was never closed ends by itself", async () => {
  const script = join(folder, "unclosed.mjs");
  const jiti = import.meta.resolve("jiti");
  await writeFile(
    script,
    `import { createJiti } from ${JSON.stringify(jiti)};
    const { openDecodePool } = await createJiti(import.meta.url).import(${JSON.stringify(new URL("./pool.ts", import.meta.url).href)});
    const pool = openDecodePool(1, {});
    const result = await pool.decode({ path: Buffer.from("nowhere.png"), label: "nowhere.png", bytes: 1 });
    console.log(result.error.message);`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 20_000 });
  expect(stdout).toContain("decoding nowhere.png: it cannot be read (ENOENT");
});
