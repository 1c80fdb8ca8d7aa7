// U-06, U-07, U-09, U-11, U-12: what listens, what never reads, what comes back.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { get as httpGet, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LoggedEvent } from "../../src/serve/answers.ts";
import type { Listening } from "../../src/serve/http/server.ts";
import { liveClients, messageOf, mostClients, mostWaitingBytes } from "../../src/serve/live/clients.ts";
import { drawRun, logLines } from "../drawn-run.ts";
import { scratchFolder } from "../tiny-run.ts";
import { raw, requestText, serve, token } from "./server.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

let root = "";
let listening: Listening;
let id = "";
beforeEach(async () => {
  root = scratch.next();
  await drawRun(join(root, "run"), { steps: 30, isObserved: false });
  await open();
});
afterEach(() => listening.close());

async function open(): Promise<void> {
  listening = await serve(root);
  id = /"id":"([0-9a-f]{16})"/.exec((await raw(listening.port, requestText(listening.port, {}))).body)![1]!;
}

const logFile = () => join(root, "run", "log.jsonl");
const log = (step: number) => appendFileSync(logFile(), `${JSON.stringify({ event: "step", step, loss: step })}\n`);
const placeNow = async () =>
  /"place":"([^"]+)"/.exec(
    (await raw(listening.port, requestText(listening.port, { target: `/api/run/${id}/series` }))).body,
  )![1]!;

interface Heard {
  events: LoggedEvent[];
  kinds: string[];
  lastId: string | undefined;
  close(): void;
}

/** What a browser's EventSource would hear. */
async function listen({ place, lastId }: { place?: string; lastId?: string | undefined }): Promise<Heard> {
  const heard: Heard = { events: [], kinds: [], lastId, close: () => request.destroy() };
  const path = `/api/run/${id}/live${place ? `?place=${place}` : ""}`;
  const headers = { "x-selfsight-token": token, ...(lastId && { "last-event-id": lastId }) };
  const request = httpGet({ port: listening.port, path, headers, agent: false });
  request.on("error", () => {});
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let rest = "";
  response.on("error", () => {});
  response.on("data", (piece) => {
    const messages = `${rest}${piece}`.split("\n\n");
    rest = messages.pop()!;
    for (const message of messages) take(heard, message);
  });
  return heard;
}

function take(heard: Heard, message: string): void {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(message)?.[1];
  heard.lastId = field("id") ?? heard.lastId;
  if (field("event")) heard.kinds.push(field("event")!);
  if (field("event") === "log") heard.events.push(...(JSON.parse(field("data")!) as { events: LoggedEvent[] }).events);
}

const until = async (isSo: () => boolean, mostMs = 8000) => {
  for (const end = Date.now() + mostMs; !isSo() && Date.now() < end; ) await pause(20);
};
const stepsIn = ({ events }: Heard) => events.map(({ step }) => step);

describe("U-09", () => {
  it("a listener hears each new line once, half ones when they are whole", async () => {
    const heard = await listen({ place: await placeNow() });
    for (const step of [31, 32]) log(step);
    appendFileSync(logFile(), '{"event":"step","st');
    await until(() => heard.events.length >= 2);
    appendFileSync(logFile(), 'ep":33,"loss":1}\n');
    await until(() => heard.events.length >= 3);
    expect(stepsIn(heard)).toEqual([31, 32, 33]);
    heard.close();
  });

  it("what was logged between reading and listening is not lost", async () => {
    const place = await placeNow();
    for (const step of [31, 32, 33]) log(step);
    const heard = await listen({ place });
    await until(() => heard.events.length >= 3);
    log(34);
    await until(() => heard.events.length >= 4);
    expect(stepsIn(heard)).toEqual([31, 32, 33, 34]);
    heard.close();
  });

  it("whoever comes back, to a server that was restarted too, gets what it missed and nothing twice", async () => {
    const first = await listen({ place: await placeNow() });
    log(31);
    await until(() => first.events.length === 1);
    first.close();
    log(32);
    const second = await listen({ lastId: first.lastId });
    log(33);
    await until(() => second.events.length === 2);
    await listening.close();
    log(34);
    await open();
    const third = await listen({ lastId: second.lastId });
    log(35);
    await until(() => third.events.length === 2);
    expect([first, second, third].flatMap(stepsIn)).toEqual([31, 32, 33, 34, 35]);
    third.close();
  });

  it("a log that was replaced, or is far ahead, is fetched anew", async () => {
    const heard = await listen({ place: "1-0" });
    await until(() => heard.kinds.includes("anew"));
    expect(heard.kinds[0]).toBe("anew");
    rmSync(logFile());
    writeFileSync(logFile(), `${logLines(5).join("\n")}\n`);
    await until(() => heard.kinds.filter((kind) => kind === "anew").length === 2);
    expect(heard.events).toEqual([]);
    heard.close();
    for (const place of ["x", "-", "1-x", "9-99999999999999999999", "1-1-1"]) (await listen({ place })).close();
    expect((await raw(listening.port, requestText(listening.port, {}))).status).toBe(200);
  });
});

describe("U-06, U-07", () => {
  it("a listener that never reads is dropped at the bound, one that reads stays", async () => {
    const clients = liveClients();
    const { createServer } = await import("node:http");
    const server = createServer((_, response) => clients.add("x", response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const deaf = Array.from({ length: 50 }, () => connect(port, "127.0.0.1"));
    for (const socket of deaf) {
      socket.on("error", () => {});
      socket.pause();
      socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    const reader = connect(port, "127.0.0.1");
    let read = 0;
    reader.on("data", ({ length }) => {
      read += length;
    });
    reader.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => clients.count === 51);
    const message = messageOf("log", "a".repeat(1 << 18));
    let sent = 0;
    // The kernel itself takes some megabytes for each before a byte waits here.
    for (; clients.count > 1 && sent < 200; sent++) {
      clients.send("x", message);
      await pause(5);
    }
    expect(clients.count).toBe(1);
    await until(() => read > sent * (1 << 18));
    expect(read).toBeGreaterThan(sent * (1 << 18));
    expect(mostWaitingBytes).toBeLessThan(1 << 20);
    clients.closeAll();
    for (const socket of [...deaf, reader]) socket.destroy();
    server.close();
  });

  it(`beyond ${mostClients} listeners the next gets 503, and the rest goes on`, { timeout: 60_000 }, async () => {
    const head = requestText(listening.port, { target: `/api/run/${id}/live` }).replace("Connection: close\r\n", "");
    const sockets = Array.from({ length: mostClients }, () => connect(listening.port, "127.0.0.1"));
    let opened = 0;
    for (const socket of sockets) {
      socket.on("error", () => {});
      socket.once("data", () => {
        opened += 1;
      });
      socket.write(head);
    }
    await until(() => opened === mostClients, 40_000);
    expect(opened).toBe(mostClients);
    expect((await raw(listening.port, requestText(listening.port, { target: `/api/run/${id}/live` }))).status).toBe(
      503,
    );
    expect((await raw(listening.port, requestText(listening.port, {}))).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => {
      const heard = await listen({});
      heard.close();
    });
  });
});

it("U-11: a taken port that was named is refused, one that was not is passed over", async () => {
  await expect(serve(root, { port: listening.port })).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(/^ui: 127\.0\.0\.1 port \d+ cannot be used .*--port/),
  });
  const [one, other] = [await serve(root, { port: undefined }), await serve(root, { port: undefined })];
  expect(one.port).not.toBe(other.port);
  await Promise.all([one.close(), other.close()]);
});

it("U-12: a server that is killed leaves a run's folder as it was", async () => {
  const program = join(import.meta.dirname, "..", "..", "bin", "selfsight.mjs");
  const child = spawn(process.execPath, [program, "ui", root, "--port", "0"]);
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  const [, port, own] = /:(\d+)\/\?token=(\S+)/.exec(String(said))!;
  const request = requestText(Number(port), { target: `/api/run/${id}/series` }).replace(token, own!);
  expect((await raw(Number(port), request)).status).toBe(200);
  const { readdirSync } = await import("node:fs");
  const before = readdirSync(join(root, "run"), { recursive: true });
  child.kill("SIGKILL");
  await once(child, "exit");
  log(31);
  expect(readdirSync(join(root, "run"), { recursive: true })).toEqual(before);
});
