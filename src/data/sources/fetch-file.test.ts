// Downloads that go on where they ended, from a server on this machine that can do everything wrong.
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fetchFile } from "./fetch-file.ts";

const content = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) >> 3));
const other = Buffer.from(content).reverse();
const sha256 = createHash("sha256").update(content).digest("hex");

let folder = "";
let server: Server | undefined;
let asked: { path: string; range: string | undefined }[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "selfsight-fetch-"));
  asked = [];
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
});

/** The n-th request is answered by the n-th listener, the last one from then on. */
async function serve(...listeners: RequestListener[]): Promise<string> {
  server = createServer((request, response) => {
    const listener = listeners[Math.min(asked.length, listeners.length - 1)]!;
    asked.push({ path: request.url!, range: request.headers.range });
    listener(request, response);
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/weights.pth`;
}

const bytesAfter = ({ headers }: IncomingMessage): number =>
  Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);

/** A server that knows ranges: what is left, if the version is the one that was asked for; `upTo` breaks the connection there. */
const file =
  (
    bytes: Buffer,
    { tag = '"v1"', upTo = bytes.length }: { tag?: string | undefined; upTo?: number } = {},
  ): RequestListener =>
  (request, response) => {
    const isSame = request.headers["if-range"] === tag;
    const start = isSame ? bytesAfter(request) : 0;
    response.setHeader("etag", tag);
    response.setHeader("content-length", bytes.length - start);
    if (start > 0) response.writeHead(206, { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
    send(response, bytes.subarray(start, upTo), upTo < bytes.length);
  };

const send = (response: ServerResponse, bytes: Buffer, isCut: boolean) =>
  void (isCut ? response.write(bytes, () => setTimeout(() => response.destroy(), 150)) : response.end(bytes));

const hurried = { retrySeconds: 0.01, stallSeconds: 0.5, maximumBytes: 1e6, advice: "try again" };
const target = () => join(folder, "weights.pth");
const fetching = (url: string, digests: { sha256?: string; md5?: string } = {}) =>
  fetchFile({ url, ...digests }, target(), hurried).then(
    () => "fetched",
    (error: Error) => error.message,
  );

describe("what was cut goes on", () => {
  test("in the next attempt, from the byte where it ended", async () => {
    const url = await serve(file(content, { upTo: 50_000 }), file(content, { upTo: 120_000 }), file(content));
    expect(await fetching(url, { sha256 })).toBe("fetched");
    expect(asked.map(({ range }) => range)).toEqual([undefined, "bytes=50000-", "bytes=120000-"]);
    expect(await readFile(target())).toEqual(content);
    expect(await readdir(folder)).toEqual(["weights.pth"]);
  });

  test("as often as something comes, and no more than three times where nothing does", async () => {
    const steps = Array.from({ length: 8 }, (_, i) => file(content, { upTo: 20_000 * (i + 1) }));
    expect(await fetching(await serve(...steps, file(content)))).toBe("fetched");
    expect(asked).toHaveLength(9);
  });

  test("in another process later; the bar begins there", async () => {
    const url = await serve(file(content, { upTo: 50_000 }), file(content, { upTo: 50_000 }));
    expect(await fetching(url)).toMatch(/downloading .*weights.pth: /);
    expect((await readdir(folder)).every((name) => name.endsWith(".part"))).toBe(true);
    server!.closeAllConnections();
    server!.close();
    const shown: number[] = [];
    const again = {
      ...hurried,
      onProgress: ({ receivedBytes }: { receivedBytes: number }) => void shown.push(receivedBytes),
    };
    await fetchFile({ url: await serve(file(content)), sha256 }, target(), again);
    expect(asked.at(-1)!.range).toBe("bytes=50000-");
    expect(shown[0]).toBeGreaterThan(50_000);
    expect(shown.at(-1)).toBe(content.length);
  });

  test("two at once end with one whole file", async () => {
    const url = await serve(file(content));
    expect(await Promise.all([fetching(url, { sha256 }), fetching(url, { sha256 })])).toEqual(["fetched", "fetched"]);
    expect(await readFile(target())).toEqual(content);
    expect(await readdir(folder)).toEqual(["weights.pth"]);
  });
});

describe("two versions are never glued together", () => {
  test("another ETag: from the beginning", async () => {
    const url = await serve(file(other, { tag: '"v0"', upTo: 50_000 }), file(content));
    expect(await fetching(url, { sha256 })).toBe("fetched");
    expect(asked[1]!.range).toBe("bytes=50000-");
    expect(await readFile(target())).toEqual(content);
  });

  test("no mark of a version: from the beginning, and nothing is kept", async () => {
    const cut: RequestListener = (_, response) => {
      response.setHeader("content-length", content.length);
      send(response, other.subarray(0, 50_000), true);
    };
    const whole: RequestListener = (_, response) => void response.end(content);
    expect(await fetching(await serve(cut, whole), { sha256 })).toBe("fetched");
    expect(asked[1]!.range).toBeUndefined();
  });

  test.each<[string, RequestListener]>([
    ["another piece", (_, response) => void response.writeHead(206, { "content-range": "bytes 7-9/10" }).end("xyz")],
    ["416", (_, response) => void response.writeHead(416).end()],
  ])("%s: from the beginning", async (_, wrong) => {
    expect(await fetching(await serve(file(content, { upTo: 50_000 }), wrong, file(content)), { sha256 })).toBe(
      "fetched",
    );
    expect(asked.map(({ range }) => range)).toEqual([undefined, "bytes=50000-", undefined]);
  });
});

describe("digests", () => {
  test("whole or their first digits", async () => {
    expect(await fetching(await serve(file(content)), { sha256: sha256.slice(0, 8).toUpperCase() })).toBe("fetched");
  });

  test("a wrong file is thrown away and refused in the end", async () => {
    const url = await serve(file(other));
    expect(await fetching(url, { sha256: sha256.slice(0, 8) })).toMatch(
      new RegExp(`its sha256 is [0-9a-f]{64}; ${sha256.slice(0, 8)}\\.\\.\\. is needed; try again`),
    );
    expect(asked.map(({ range }) => range)).toEqual([undefined, undefined, undefined]);
    expect(await readdir(folder)).toEqual([]);
  });
});

const to =
  (location: string): RequestListener =>
  (_, response) =>
    void response.writeHead(302, { location }).end();

describe("redirects", () => {
  test("are followed, with the range", async () => {
    const url = await serve(to("/elsewhere"), file(content));
    expect(await fetching(url)).toBe("fetched");
    expect(asked.map(({ path }) => path)).toEqual(["/weights.pth", "/elsewhere"]);
  });

  test.each([
    ["a circle", "/weights.pth", /redirected more than 5 times/],
    ["a file of this machine", "file:///etc/passwd", /redirected to .*passwd, which lies/],
  ])("%s is refused", async (_, location, reason) => {
    expect(await fetching(await serve(to(location)))).toMatch(reason);
  });
});

test("a server that sends too much is cut off, one that is silent is given up", async () => {
  const endless: RequestListener = (_, response) => {
    const more = () => response.write(Buffer.alloc(65536), (error) => error || more());
    more();
  };
  expect(await fetching(await serve(endless))).toMatch(/more than 1000000 bytes came/);
  server!.closeAllConnections();
  server!.close();
  asked = [];
  expect(await fetching(await serve(() => {}))).toMatch(/nothing received for 0.5 s/);
});

test("a secret in the address stands in no message", async () => {
  const url = await serve((_, response) => void response.writeHead(403).end());
  const message = await fetching(`${url.replace("//", "//user:word@")}?token=secret`).catch(
    (error: Error) => error.message,
  );
  expect(message).toMatch(/a name or password stands in the address/);
  expect(message).not.toMatch(/secret|:word/);
  expect(await fetching(`${url}?token=secret`)).toMatch(/weights.pth: the server answered 403 Forbidden; try again$/);
});
