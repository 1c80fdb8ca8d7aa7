// Browsers that listen (server-sent events): each message is written once for all, and nobody is waited for.
import type { ServerResponse } from "node:http";

export interface Clients {
  /** Takes a listener in; false where there are too many. Its first message may be given along. */
  add(topic: string, response: ServerResponse, first?: string): boolean;
  /** To all of a topic. */
  send(topic: string, message: string): void;
  /** Topics somebody listens to. */
  topics(): string[];
  readonly count: number;
  closeAll(): void;
}

export const mostClients = 1024;
/** What a listener has not taken yet may wait in memory up to here; then it is dropped, and comes back where it reads again. */
export const mostWaitingBytes = 1 << 18;
const beatMs = 15_000;

/** Nobody yet. */
export function liveClients(): Clients {
  const listeners = new Map<string, Set<ServerResponse>>();
  const count = () => [...listeners.values()].reduce((sum, { size }) => sum + size, 0);

  const write = (response: ServerResponse, text: string) => {
    if (response.writableLength > mostWaitingBytes) response.destroy();
    else response.write(text);
  };
  const beat = setInterval(() => {
    for (const topic of listeners.values()) for (const response of topic) write(response, ": still here\n\n");
  }, beatMs).unref();

  return {
    get count() {
      return count();
    },
    topics: () => [...listeners.keys()],
    add(topic, response, first = "") {
      if (count() >= mostClients) return false;
      const own = listeners.get(topic) ?? new Set();
      listeners.set(topic, own.add(response));
      response.on("close", () => {
        own.delete(response);
        if (own.size === 0 && listeners.get(topic) === own) listeners.delete(topic);
      });
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", connection: "keep-alive" });
      response.write(`retry: 1000\n\n${first}`);
      return true;
    },
    send(topic, message) {
      for (const response of listeners.get(topic) ?? []) write(response, message);
    },
    closeAll() {
      clearInterval(beat);
      for (const topic of listeners.values()) for (const response of topic) response.destroy();
    },
  };
}

/** A message as the browser's EventSource reads it; `id` is what it sends back when it comes again. */
export const messageOf = (event: string, data: unknown, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
