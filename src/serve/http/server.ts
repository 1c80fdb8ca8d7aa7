// The server: its limits, its address, and the door that every request passes.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { getRequestListener } from "@hono/node-server";
import { displayName, SelfsightError } from "../../errors.ts";
import { firstVisitToken, type Refusal, type Rules, refusalOf, safetyHeaders } from "./guard.ts";
import { type Parts, routes } from "./routes.ts";

export interface Address {
  host: string;
  /** Undefined: the first free one from the usual one on. */
  port: number | undefined;
  token: string;
}

export interface Listening {
  /** With the token. */
  url: string;
  port: number;
  close(): Promise<void>;
}

/** The first that is tried when none is given. */
export const usualPort = 8090;
const portsTried = 20;

/** Answers until it is closed. Errors: configuration, for an address that cannot be used. */
export async function listen(parts: Parts, { host, port, token }: Address): Promise<Listening> {
  const rules: Rules = { hosts: new Set(), token, cookieName: "" };
  const answer = getRequestListener(routes(parts).fetch, { overrideGlobalObjects: false });
  const server = createServer(limits, (request, response) => admit(request, response, rules, answer));
  server.maxConnections = 2048;
  server.on("clientError", (_, socket) => socket.destroy());
  server.on("connect", (_, socket) => socket.destroy());
  server.on("upgrade", (_, socket) => socket.destroy());
  const bound = await bindTo(server, host, port);
  for (const name of namesOf(host, bound)) (rules.hosts as Set<string>).add(name);
  rules.cookieName = `selfsight-${bound}`;
  const shown = isAnyAddress(host) ? hostname() : host;
  return {
    url: `http://${inAddress(shown)}:${bound}/?token=${token}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        parts.feed.close();
        parts.acts.close(); // the studio's process would keep this one
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Nobody holds a connection by sending slowly, or memory by sending much. */
const limits = {
  maxHeaderSize: 1 << 14,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
};

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

function admit(request: IncomingMessage, response: ServerResponse, rules: Rules, answer: Answer): void {
  for (const [name, value] of Object.entries(safetyHeaders)) response.setHeader(name, value);
  const refusal = refusalOf(request, rules);
  if (refusal) refuse(response, refusal);
  else if (firstVisitToken(request.url ?? "") !== undefined) greet(response, rules);
  else void answer(request, response);
}

/** The body of what is refused is not read: the connection ends with the answer. */
function refuse(response: ServerResponse, { status, message }: Refusal): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" });
  response.end(`${message}\n`);
}

/** The first visit: the token goes from the address, where history and shoulders see it, into a cookie that no script reads. */
function greet(response: ServerResponse, { cookieName, token }: Rules): void {
  const cookie = `${cookieName}=${token}; HttpOnly; SameSite=Strict; Path=/`;
  response.writeHead(303, { location: "/", "set-cookie": cookie }).end();
}

async function bindTo(server: Server, host: string, port: number | undefined): Promise<number> {
  const tried = port !== undefined ? [port] : Array.from({ length: portsTried }, (_, i) => usualPort + i);
  for (const [place, one] of tried.entries()) {
    const cause = await bound(server, host, one);
    if (!cause) return (server.address() as AddressInfo).port;
    if (cause.code !== "EADDRINUSE" || place === tried.length - 1) throw unusable(host, one, cause);
  }
  throw new Error("internal: no port was tried");
}

const bound = (server: Server, host: string, port: number): Promise<NodeJS.ErrnoException | undefined> =>
  new Promise((resolve) => {
    server.once("error", resolve);
    server.listen(port, host, () => {
      server.off("error", resolve);
      resolve(undefined);
    });
  });

const unusable = (host: string, port: number, { message }: Error) =>
  new SelfsightError(
    "configuration",
    `ui: ${displayName(host)} port ${port} cannot be used (${message}); a free port of an address of this machine is needed; choose another with --port, or leave it out`,
  );

const isLoopback = (host: string): boolean => ["127.0.0.1", "localhost", "::1"].includes(host);
const isAnyAddress = (host: string): boolean => ["0.0.0.0", "::"].includes(host);
const inAddress = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

/** What Host may say: the address itself, and where all addresses were asked for, each of this machine's and its name. */
function namesOf(host: string, port: number): string[] {
  const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  const hosts = isAnyAddress(host) ? [...own, hostname(), "localhost"] : isLoopback(host) ? loopbackNames : [host];
  return hosts.map((name) => `${inAddress(name).toLowerCase()}:${port}`);
}

const loopbackNames = ["127.0.0.1", "localhost", "::1"];
