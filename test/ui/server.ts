// The page's server inside a test, and a client that sends exactly the bytes that it is given.
import { connect } from "node:net";
import { serveRuns, type Training } from "../../src/serve/index.ts";

export const token = "t".repeat(24);

/** Knows one method and takes every request. */
export const playedTraining = (asked: unknown[] = []): Training => ({
  settings: async (method) => ({ method, methods: [], settings: [], schema: {} }),
  ask: async (folder, wish) => {
    asked.push({ folder, ...wish });
    return "1796050800000-9f3a2c01";
  },
});

/** A server of the runs below a folder, on a free port. */
export const serve = (folder: string, more: Partial<Parameters<typeof serveRuns>[1]> = {}) =>
  serveRuns(folder, { port: 0, token, training: playedTraining(), ...more });

export interface Answer {
  /** 0: the connection ended without an answer. */
  status: number;
  headers: string;
  body: string;
}

/** Sends bytes and reads until the other side ends, or for so long. */
export function raw(
  port: number,
  bytes: string | Uint8Array,
  { host = "127.0.0.1", waitMs = 4000 } = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let said = "";
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      const at = said.indexOf("\r\n\r\n");
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(said)?.[1] ?? 0);
      resolve({ status, headers: said.slice(0, Math.max(0, at)), body: said.slice(at + 4) });
    };
    const timer = setTimeout(end, waitMs);
    socket.on("data", (piece) => {
      said += piece.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", end);
    socket.write(bytes);
  });
}

export interface Request {
  method?: string;
  target?: string;
  /** In place of the right one; several are several lines, none leaves it out. */
  hosts?: readonly string[];
  headers?: readonly string[];
  body?: string;
}

/** A request with the token, and whatever is wrong with it. */
export function requestText(
  port: number,
  { method = "GET", target = "/api/runs", hosts, headers = [], body }: Request,
): string {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(hosts ?? [`127.0.0.1:${port}`]).map((host) => `Host: ${host}`),
    `x-selfsight-token: ${token}`,
    "Connection: close",
    ...headers,
    ...(body === undefined ? [] : ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body ?? ""}`;
}
