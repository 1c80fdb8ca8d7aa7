// Who may ask for anything at all, decided before any handler runs. Pages elsewhere can make a browser send requests here, and other
// users of the machine reach its loopback address: so the names, the origin, the method, the form of the address and a token are looked at.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export interface Rules {
  /** What the header Host may be, with its port. */
  hosts: ReadonlySet<string>;
  token: string;
  /** Cookies know no ports: the name has it. */
  cookieName: string;
}

export interface Refusal {
  status: number;
  message: string;
}

/** Bytes of an act; longer ones are refused unread. */
export const mostBodyBytes = 1 << 16;
const methods = ["GET", "HEAD", "POST"];

/** Why a request is refused, or undefined. */
export function refusalOf(request: IncomingMessage, rules: Rules): Refusal | undefined {
  for (const check of [checkHost, checkMethod, checkTarget, checkOrigin, checkBody, checkToken]) {
    const refusal = check(request, rules);
    if (refusal) return refusal;
  }
  return undefined;
}

/** A name of another site that leads to this machine (rebinding) stands in Host. */
function checkHost({ headers, rawHeaders }: IncomingMessage, { hosts }: Rules): Refusal | undefined {
  const times = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host").length;
  if (times === 1 && hosts.has(headers.host ?? "")) return undefined;
  return { status: 421, message: "this server is asked by the address that it printed, and by no other name" };
}

function checkMethod({ method }: IncomingMessage): Refusal | undefined {
  if (methods.includes(method ?? "")) return undefined;
  return { status: 405, message: `${methods.join(", ")} are answered` };
}

/** Nothing of ours needs an escape, so none is decoded: neither once nor twice. */
function checkTarget({ url = "" }: IncomingMessage): Refusal | undefined {
  if (/^\/(?!\/)[A-Za-z0-9._/-]*(\?[A-Za-z0-9._=&,:-]*)?$/.test(url) && !url.includes("..") && !url.includes("//"))
    return undefined;
  return { status: 400, message: "no such address" };
}

/** Of pages elsewhere; their ways of asking without an Origin are told by Sec-Fetch-Site. A link that is followed to the first page does nothing. */
function checkOrigin({ headers, method, url = "" }: IncomingMessage, { hosts }: Rules): Refusal | undefined {
  const { origin, "sec-fetch-site": site, "sec-fetch-mode": mode } = headers;
  const isFollowedLink = method === "GET" && mode === "navigate" && /^\/(\?|$)/.test(url);
  const isForeign = site !== undefined && site !== "same-origin" && site !== "none" && !isFollowedLink;
  const isOwn = origin === undefined || [...hosts].some((host) => origin === `http://${host}`);
  if (
    isForeign ||
    !isOwn ||
    (method === "POST" && origin === undefined && site === undefined && !hasHeaderToken(headers))
  )
    return { status: 403, message: "requests from other pages are refused" };
  return undefined;
}

/** Only acts have a body, of known length. */
function checkBody({ headers, method }: IncomingMessage): Refusal | undefined {
  const length = Number(headers["content-length"] ?? 0);
  if (headers["transfer-encoding"] !== undefined) return { status: 411, message: "a body needs its length" };
  if (method !== "POST") return length > 0 ? { status: 400, message: "a body belongs to an act only" } : undefined;
  if (length > mostBodyBytes) return { status: 413, message: `an act has at most ${mostBodyBytes} bytes` };
  if (!/^application\/json(;|$)/.test(headers["content-type"] ?? "")) return { status: 415, message: "an act is JSON" };
  return undefined;
}

function checkToken(request: IncomingMessage, rules: Rules): Refusal | undefined {
  if (hasToken(request, rules)) return undefined;
  return { status: 401, message: "open the whole address that `selfsight ui` printed, with its token" };
}

const hasHeaderToken = (headers: IncomingMessage["headers"]): boolean => headers["x-selfsight-token"] !== undefined;

function hasToken({ headers, method, url = "" }: IncomingMessage, { token, cookieName }: Rules): boolean {
  const cookies = (headers.cookie ?? "").split(/; */).map((cookie) => cookie.split("="));
  const shown = [
    headers["x-selfsight-token"],
    ...cookies.filter(([name]) => name === cookieName).map(([, value]) => value),
    method === "GET" ? firstVisitToken(url) : undefined,
  ];
  return shown.some((one) => typeof one === "string" && isSame(one, token));
}

/** The token in the address of the first visit, and of no other page. */
export const firstVisitToken = (url: string): string | undefined => /^\/\?token=([A-Za-z0-9_-]+)$/.exec(url)?.[1];

/** In a time that does not tell how much of it is right. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Of every answer: nothing of other hosts is loaded, nothing of ours is shown inside other pages, and no address is told to anybody. */
export const safetyHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};
