// What reaches no handler: foreign names, origins, methods, forms of addresses, and whoever has no token. All by raw sockets.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Listening } from "../../src/serve/http/server.ts";
import { drawRun } from "../drawn-run.ts";
import { scratchFolder } from "../tiny-run.ts";
import { playedTraining, type Request, raw, requestText, serve, token } from "./server.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const canary = "CANARY-4711";
const asked: unknown[] = [];
let listening: Listening;
let id = "";
const root = join(scratch.next(), "runs");
let routes: { method: string; target: string }[] = [];
const send = (request: Request) => raw(listening.port, requestText(listening.port, request));

beforeAll(async () => {
  await drawRun(join(root, "run"));
  writeFileSync(join(root, "..", "canary.txt"), canary);
  mkdirSync(join(root, "linked"), { recursive: true });
  symlinkSync(join(root, "..", "canary.txt"), join(root, "linked", "log.jsonl"));
  writeFileSync(join(root, "linked", "run.json"), "{}");
  listening = await serve(root, { training: playedTraining(asked) });
  const { body } = await send({});
  id = /"id":"([0-9a-f]{16})","name":"run"/.exec(body)![1]!;
  routes = [
    ...["/", "/ui.js", "/api/server", "/api/runs", "/api/live", `/api/run/${id}`, `/api/run/${id}/series`].map(get),
    ...[`/api/run/${id}/observations`, `/api/run/${id}/live`, `/api/run/${id}/sample.webp`, "/nowhere"].map(get),
    ...[`/api/run/${id}/steer`, "/api/start", "/api/studio"].map((target) => ({ method: "POST", target })),
  ];
});
afterAll(() => listening.close());

const get = (target: string) => ({ method: "GET", target });
const wish = '{"act":"stop"}';

/** The same fault on every route; the statuses of the answers. */
async function onEveryRoute(fault: (route: { method: string; target: string }) => Request): Promise<Set<number>> {
  const answers = await Promise.all(
    routes.map((route) => send({ ...route, ...(route.method === "POST" && { body: wish }), ...fault(route) })),
  );
  for (const { headers, body } of answers) {
    expect(headers.toLowerCase()).not.toContain("access-control-allow");
    expect(body).not.toContain(canary);
  }
  return new Set(answers.map(({ status }) => status));
}

it("answers what is asked rightly, so that a refusal means something", async () => {
  const { status, headers } = await send({ target: `/api/run/${id}/series` });
  expect(status).toBe(200);
  expect(headers).toContain("content-security-policy: default-src 'none'");
  expect((await send({ method: "POST", target: `/api/run/${id}/steer`, body: wish })).status).toBe(200);
  expect(asked).toHaveLength(1);
});

describe("U-01 Host", () => {
  const port = () => listening.port;
  it.each<[string, () => string[]]>([
    ["of another site", () => ["evil.example"]],
    ["of another site at our port", () => [`evil.example:${port()}`]],
    ["missing", () => []],
    ["twice", () => [`127.0.0.1:${port()}`, `127.0.0.1:${port()}`]],
    ["twice, the second foreign", () => [`127.0.0.1:${port()}`, "evil.example"]],
    ["that begins like ours", () => [`127.0.0.1.evil:${port()}`]],
    ["with a trailing dot", () => [`localhost.:${port()}`]],
    ["with another port", () => [`127.0.0.1:${port() + 1}`]],
    ["without the port", () => ["127.0.0.1"]],
    ["another loopback address", () => [`127.0.0.2:${port()}`]],
    ["a number for an address", () => [`2130706433:${port()}`]],
    ["an IPv6 form of IPv4", () => [`[::ffff:127.0.0.1]:${port()}`]],
    ["all addresses", () => [`0.0.0.0:${port()}`]],
    ["with a user", () => [`a@127.0.0.1:${port()}`]],
    ["empty", () => [""]],
  ])("%s is refused on every route before a handler runs", async (_, hosts) => {
    const before = asked.length;
    const statuses = await onEveryRoute(() => ({ hosts: hosts() }));
    for (const status of statuses) expect([400, 421]).toContain(status);
    expect(asked).toHaveLength(before);
  });

  it("is not asked through an address in absolute form", async () => {
    const statuses = await onEveryRoute(({ target }) => ({ target: `http://127.0.0.1:${listening.port}${target}` }));
    expect(statuses).toEqual(new Set([400]));
  });

  it("may be localhost or [::1]", async () => {
    for (const host of ["localhost", "[::1]"])
      expect((await send({ hosts: [`${host}:${listening.port}`] })).status).toBe(200);
  });
});

describe("U-02 other pages", () => {
  it.each([
    ["a foreign Origin", "Origin: http://evil.example"],
    ["an Origin of null", "Origin: null"],
    ["our address at another port", "Origin: http://127.0.0.1:1"],
    ["our address by https", "Origin: https://127.0.0.1"],
    ["a request from another site", "Sec-Fetch-Site: cross-site"],
    ["a request from another port", "Sec-Fetch-Site: same-site"],
  ])("%s is refused on every route", async (_, header) => {
    expect(await onEveryRoute(() => ({ headers: [header] }))).toEqual(new Set([403]));
  });

  it("a preflight is refused and allows nothing", async () => {
    const headers = ["Origin: http://evil.example", "Access-Control-Request-Method: POST"];
    expect(await onEveryRoute(() => ({ method: "OPTIONS", headers }))).toEqual(new Set([405]));
  });

  it("an act without an Origin, with the cookie alone, is refused", async () => {
    const text = [
      `POST /api/run/${id}/steer HTTP/1.1`,
      `Host: 127.0.0.1:${listening.port}`,
      `Cookie: selfsight-${listening.port}=${token}`,
      "Content-Type: application/json",
      `Content-Length: ${wish.length}`,
      "Connection: close",
    ];
    expect((await raw(listening.port, `${text.join("\r\n")}\r\n\r\n${wish}`)).status).toBe(403);
    const own = [...text, `Origin: http://127.0.0.1:${listening.port}`];
    expect((await raw(listening.port, `${own.join("\r\n")}\r\n\r\n${wish}`)).status).toBe(200);
  });

  it("an act that a form could send is refused", async () => {
    const text = requestText(listening.port, { method: "POST", target: `/api/run/${id}/steer`, body: wish });
    expect((await raw(listening.port, text.replace("application/json", "text/plain"))).status).toBe(415);
  });
});

describe("U-03 methods", () => {
  it.each(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "LOCK", "MKCOL"])(
    "%s is refused on every route",
    async (method) => {
      const before = asked.length;
      expect(await onEveryRoute(() => ({ method }))).toEqual(new Set([405]));
      expect(asked).toHaveLength(before);
    },
  );

  it("CONNECT and a made-up one end the connection", async () => {
    for (const method of ["CONNECT", "BREW"]) expect([0, 400]).toContain((await send({ method })).status);
  });

  it("each route takes its own alone", async () => {
    const statuses = await Promise.all(
      routes
        .filter(({ target }) => target !== "/nowhere")
        .map(({ method, target }) => send(method === "GET" ? { method: "POST", target, body: "{}" } : { target })),
    );
    expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set([405]));
  });
});

describe("U-04 traversal", () => {
  const places = ["etc/passwd", "canary.txt", "proc/self/environ", "run.json"];
  const ups = [
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%5c",
    "..\\",
    "%252e%252e%252f",
    "%c0%ae%c0%ae/",
    "..;/",
    ".%00./",
    "....//",
    "..%u2215",
  ];
  const bases = ["/", "//", "/ui.js/", "/api/run/", "/api/run/ID/", "/api/run/ID/sample.webp/", "/%00", "/\\", "/./"];
  const targets = bases.flatMap((base) =>
    ups
      .flatMap((up) => places.map((place) => `${base}${up.repeat(6)}${place}`))
      .concat(places.map((place) => `${base}/${place}`)),
  );

  it(`gives nothing out for ${targets.length} forms of it`, async () => {
    const port = listening.port;
    const found: string[] = [];
    for (let from = 0; from < targets.length; from += 50) {
      const some = targets.slice(from, from + 50).map((target) => target.replace("ID", id));
      const answers = await Promise.all(some.map((target) => raw(port, requestText(port, { target }))));
      for (const [i, { status, body }] of answers.entries())
        if (![400, 404].includes(status) || body.includes(canary) || body.includes("root:"))
          found.push(`${status} ${some[i]}`);
    }
    expect(targets.length).toBeGreaterThan(450);
    expect(found).toEqual([]);
  });

  it("does not follow a link out of a run's folder", async () => {
    const { body } = await send({});
    const linked = /"id":"([0-9a-f]{16})","name":"linked"/.exec(body)![1]!;
    for (const part of ["", "/series", "/observations"]) {
      const answer = await send({ target: `/api/run/${linked}${part}` });
      expect([answer.status, answer.body.includes(canary)]).toEqual([200, false]);
    }
  });
});

describe("U-10 the token", () => {
  const bare = (target: string, lines: readonly string[] = []) =>
    raw(
      listening.port,
      `${[`GET ${target} HTTP/1.1`, `Host: 127.0.0.1:${listening.port}`, "Connection: close", ...lines].join("\r\n")}\r\n\r\n`,
    );

  it("is needed on every route", async () => {
    for (const { target } of routes) expect((await bare(target)).status).toBe(401);
  });

  it.each(["", "wrong", "t".repeat(23), "t".repeat(25), "T".repeat(24)])("%j is not it", async (wrong) => {
    expect((await bare("/api/runs", [`x-selfsight-token: ${wrong}`])).status).toBe(401);
    expect((await bare("/api/runs", [`Cookie: selfsight-${listening.port}=${wrong}`])).status).toBe(401);
    expect((await bare(`/?token=${wrong}`)).status).toBe(401);
  });

  it("goes from the address into a cookie that scripts and other sites do not get", async () => {
    const { status, headers } = await bare(`/?token=${token}`);
    expect(status).toBe(303);
    expect(headers).toMatch(/location: \/\r\n/i);
    expect(headers).toMatch(
      new RegExp(`set-cookie: selfsight-${listening.port}=${token}; HttpOnly; SameSite=Strict; Path=/`, "i"),
    );
    expect(headers.toLowerCase()).toContain("referrer-policy: no-referrer");
    expect((await bare("/api/runs", [`Cookie: a=b; selfsight-${listening.port}=${token}`])).status).toBe(200);
    expect((await bare(`/api/runs?token=${token}`)).status).toBe(401); // it counts on the first page alone
  });

  it("is needed on all addresses of a machine too", async () => {
    const open = await serve(root, { host: "0.0.0.0" });
    try {
      const head = `GET /api/runs HTTP/1.1\r\nHost: localhost:${open.port}\r\nConnection: close\r\n`;
      expect((await raw(open.port, `${head}\r\n`)).status).toBe(401);
      expect((await raw(open.port, `${head}x-selfsight-token: ${token}\r\n\r\n`)).status).toBe(200);
    } finally {
      await open.close();
    }
  });
});

describe("U-08 what is slow or large", () => {
  it("headers of a megabyte, and bodies of a gigabyte that are announced, are refused unread", async () => {
    const large = await send({ headers: [`x: ${"a".repeat(1 << 20)}`] });
    expect([0, 431]).toContain(large.status);
    const head = requestText(listening.port, {
      method: "POST",
      target: `/api/run/${id}/steer`,
      headers: ["Content-Type: application/json", "Content-Length: 1000000000"],
    });
    expect((await raw(listening.port, head)).status).toBe(413);
    const chunked = requestText(listening.port, {
      method: "POST",
      target: "/api/start",
      headers: ["Content-Type: application/json", "Transfer-Encoding: chunked"],
    });
    expect((await raw(listening.port, `${chunked}1\r\n{\r\n`)).status).toBe(411);
  });

  it.each([
    ["two lengths", "Content-Length: 2\r\nContent-Length: 14"],
    ["a length and chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked"],
    ["chunks in disguise", "Transfer-Encoding: xchunked"],
    ["a folded line", "x: a\r\n b: c"],
    ["a bare line end", "x: a\nTransfer-Encoding: chunked"],
  ])("%s smuggles nothing", async (_, lines) => {
    const text = requestText(listening.port, {
      method: "POST",
      target: `/api/run/${id}/steer`,
      headers: ["Content-Type: application/json", lines],
    });
    const before = asked.length;
    const { status, body } = await raw(listening.port, `${text}0\r\n\r\n${requestText(listening.port, {})}`);
    expect([0, 400, 411, 413]).toContain(status);
    expect(body).not.toContain('"runs"');
    expect(asked).toHaveLength(before);
  });

  it("requests behind one another are each looked at", async () => {
    const good = requestText(listening.port, {}).replace("Connection: close\r\n", "");
    const { body, headers } = await raw(
      listening.port,
      good + requestText(listening.port, { hosts: ["evil.example"] }),
    );
    expect(headers).toContain("200 OK");
    expect(body).toContain("421 Misdirected Request");
  });

  it("whoever sends slowly is cut off", { timeout: 30_000 }, async () => {
    const started = Date.now();
    await raw(listening.port, `GET /api/runs HTTP/1.1\r\nHost: 127.0.0.1:${listening.port}\r\nx: `, { waitMs: 25_000 });
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});
