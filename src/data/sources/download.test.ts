// Known datasets: where they are looked for, and how they come from their home (a server on this machine).
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tarOf } from "../../../test/drawn-archives.ts";
import { regularFiles } from "../archives/tar-stream.ts";
import { downloadKnown } from "./download.ts";
import { findKnown, findKnownDatasets, type KnownDataset, knownDatasets } from "./known.ts";

let root = "";
let server: Server | undefined;
const environment = { ...process.env };
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "selfsight-download-"));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  process.env.SELFSIGHT_DATA = environment.SELFSIGHT_DATA ?? "";
  process.env.XDG_CACHE_HOME = environment.XDG_CACHE_HOME ?? "";
  await rm(root, { recursive: true });
});

const content = Buffer.from("the pictures ".repeat(1000));
const md5 = (bytes: Buffer) => createHash("md5").update(bytes).digest("hex");

/** A dataset whose home answers the n-th request by the n-th listener, the last one from then on. */
async function at(
  listeners: RequestListener[],
  bytes = content,
  members?: string[],
): Promise<{ known: KnownDataset; requests(): number }> {
  let requests = 0;
  server = createServer((request, response) =>
    listeners[Math.min(requests++, listeners.length - 1)]!(request, response),
  );
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.bin`;
  const home = [{ url, md5: md5(bytes), ...(members && { members }) }];
  return {
    known: { name: "fake", folders: ["fake"], isHeldBy: (entries) => entries.has("data.bin"), home },
    requests: () => requests,
  };
}
const whole =
  (bytes: Buffer): RequestListener =>
  (_, response) =>
    void response.end(bytes);
const status =
  (code: number): RequestListener =>
  (_, response) =>
    void response.writeHead(code).end("no");
const cut: RequestListener = (_, response) => {
  response.writeHead(200, { "content-length": content.length });
  response.write(content.subarray(0, 5000), () => response.destroy());
};
const stall: RequestListener = (_, response) => {
  response.writeHead(200, { "content-length": content.length });
  response.write(content.subarray(0, 5000));
};
const hurried = { retrySeconds: 0.01, stallSeconds: 0.4 };
const failure = (downloading: Promise<unknown>) =>
  downloading.then(
    () => "accepted",
    (error: Error) => error.message,
  );

test("a whole file arrives checked, with its progress, and nothing else is left in the cache", async () => {
  const { known } = await at([whole(content)]);
  const received: number[] = [];
  const folder = await downloadKnown(known, root, { onProgress: ({ receivedBytes }) => received.push(receivedBytes) });
  expect(folder).toBe(join(root, "fake"));
  expect(await readFile(join(folder, "data.bin"))).toEqual(content);
  expect(received.at(-1)).toBe(content.length);
  expect(await readdir(root)).toEqual(["fake"]);
});

test.each<[string, RequestListener[], RegExp | "accepted", number]>([
  [
    "404 is final",
    [status(404)],
    /downloading http:.*data.bin: the server answered 404 Not Found; check the connection, or .*SELFSIGHT_DATA/,
    1,
  ],
  ["500, then right", [status(500), whole(content)], "accepted", 2],
  ["429 and 503, then right", [status(429), status(503), whole(content)], "accepted", 3],
  ["500 for ever", [status(500)], /the server answered 500/, 3],
  ["wrong bytes once", [whole(Buffer.from("other")), whole(content)], "accepted", 2],
  ["wrong bytes for ever", [whole(Buffer.from("other"))], /its md5 is [0-9a-f]{32}; [0-9a-f]{32} is needed/, 3],
  ["cut once", [cut, whole(content)], "accepted", 2],
  ["cut for ever", [cut], /downloading/, 3],
  ["stalled once", [stall, whole(content)], "accepted", 2],
  ["stalled for ever", [stall], /nothing received for 0.4 s/, 3],
])("%s", async (_, listeners, outcome, expectedRequests) => {
  const { known, requests } = await at(listeners);
  const found = await failure(downloadKnown(known, root, hurried));
  if (outcome === "accepted") expect(found).toBe("accepted");
  else expect(found).toMatch(outcome);
  expect(requests()).toBe(expectedRequests);
  expect(await readdir(root)).toEqual(outcome === "accepted" ? ["fake"] : []);
});

test("no server at all is said with its reason", async () => {
  const { known } = await at([whole(content)]);
  await new Promise((resolve) => server!.close(resolve));
  expect(await failure(downloadKnown(known, root, hurried))).toMatch(/ECONNREFUSED|connect/);
});

test("two downloads at once end with one whole folder", async () => {
  const { known } = await at([whole(content)]);
  const folders = await Promise.all([downloadKnown(known, root), downloadKnown(known, root)]);
  expect(folders).toEqual([join(root, "fake"), join(root, "fake")]);
  expect(await readdir(root)).toEqual(["fake"]);
});

test("a cache that cannot be written is a storage error", async () => {
  const { known } = await at([whole(content)]);
  await writeFile(join(root, "file"), "");
  expect(await failure(downloadKnown(known, join(root, "file")))).toMatch(/storing fake in .*set XDG_CACHE_HOME/);
});

// ---- tar ----

async function membersOf(archive: Buffer, chunk = 100): Promise<[string, number][]> {
  async function* stream() {
    for (let at = 0; at < archive.length; at += chunk) yield archive.subarray(at, at + chunk);
  }
  const found: [string, number][] = [];
  for await (const { name, bytes } of regularFiles(stream(), "it.tar", 10_000)) found.push([name, bytes.length]);
  return found;
}

test("only regular files come out of a tar, in any chunks", async () => {
  const archive = tarOf(
    { name: "folder/", kind: "5" },
    { name: "a", bytes: Buffer.alloc(513, 1) },
    { name: "link", kind: "2" },
    { name: "hard", kind: "1" },
    { name: "device", kind: "3" },
    { name: "pipe", kind: "6" },
    { name: "empty" },
    { name: "../../outside", bytes: Buffer.alloc(3) },
  );
  for (const chunk of [1, 100, 512, 1e6])
    expect(await membersOf(archive, chunk)).toEqual([
      ["a", 513],
      ["empty", 0],
      ["../../outside", 3],
    ]);
});

test.each<[string, () => Buffer, RegExp]>([
  [
    "cut in a header",
    () => tarOf({ name: "a", bytes: Buffer.alloc(600) }).subarray(0, 100),
    /the archive ends at byte 0/,
  ],
  [
    "cut in the data",
    () => tarOf({ name: "a", bytes: Buffer.alloc(600) }).subarray(0, 900),
    /the archive ends at byte 512/,
  ],
  ["without its end", () => tarOf({ name: "a" }).subarray(0, 512), /the archive ends at byte 512/],
  ["a changed header", () => tarOf({ name: "a" }).fill(98, 0, 1), /a header with a wrong checksum at byte 0/],
  ["a size over the limit", () => tarOf({ name: "a", size: "77777777777" }), /a member of 8589934591 bytes at byte 0/],
  ["a size in base 256", () => tarOf({ name: "a", size: "\x80\0\0\0\0\0\0\0\0\0\xff\xff" }), /no octal number/],
  ["a negative size", () => tarOf({ name: "a", size: "-0000000001" }), /no octal number/],
  ["text", () => Buffer.from("no tar at all ".repeat(100)), /a header with a wrong checksum/],
])("a tar is refused where it is damaged: %s", async (_, archive, reason) => {
  expect(await failure(membersOf(archive()))).toMatch(reason);
});

test("of a downloaded archive the named members are taken, never a path", async () => {
  const archive = gzipSync(
    tarOf(
      { name: "deep/../../data.bin", bytes: content.subarray(0, 50) },
      { name: "other", bytes: content.subarray(0, 9) },
    ),
  );
  const { known } = await at([whole(archive)], archive, ["data.bin"]);
  const folder = await downloadKnown(
    { ...known, home: [{ ...known.home[0]!, url: known.home[0]!.url.replace("data.bin", "data.tar.gz") }] },
    root,
  );
  expect(await readdir(folder)).toEqual(["data.bin"]);
  expect(await readFile(join(folder, "data.bin"))).toEqual(content.subarray(0, 50));
});

// ---- where known datasets are looked for ----

test("SELFSIGHT_DATA before the cache, its folders in order, a child or the folder itself", async () => {
  const cifar = knownDatasets.find(({ name }) => name === "cifar10")!;
  process.env.XDG_CACHE_HOME = join(root, "cache");
  process.env.SELFSIGHT_DATA = [join(root, "one"), join(root, "two")].join(":");
  const put = async (...path: string[]) => {
    await mkdir(join(root, ...path), { recursive: true });
    await writeFile(join(root, ...path, "test_batch.bin"), "");
  };
  expect(await findKnown(cifar)).toBeUndefined();
  expect((await findKnownDatasets()).cifar10).toBeNull();
  await put("cache", "selfsight", "datasets", "cifar-10-batches-bin");
  expect(await findKnown(cifar)).toBe(join(root, "cache", "selfsight", "datasets", "cifar-10-batches-bin"));
  await put("two", "cifar10");
  expect(await findKnown(cifar)).toBe(join(root, "two", "cifar10"));
  await put("one");
  expect(await findKnown(cifar)).toBe(join(root, "one"));
  expect((await findKnownDatasets()).cifar10).toBe(join(root, "one"));
});

test("IDX files count as fashion-mnist only under a name of its own", async () => {
  process.env.SELFSIGHT_DATA = root;
  await writeFile(join(root, "t10k-images-idx3-ubyte"), "");
  expect((await findKnownDatasets())["fashion-mnist"]).not.toBe(root);
  await mkdir(join(root, "fashion-mnist"));
  await writeFile(join(root, "fashion-mnist", "train-images-idx3-ubyte.gz"), "");
  expect((await findKnownDatasets())["fashion-mnist"]).toBe(join(root, "fashion-mnist"));
});
