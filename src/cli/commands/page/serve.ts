// Gives a folder out on this machine alone, until it is stopped.
import { createReadStream, readdirSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { SelfsightError } from "../../../errors.ts";
import { stopOnSignals } from "../../terminal/stop-signals.ts";

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".jpg": "image/jpeg",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Ends when a stop signal comes. Errors: configuration, for a port that is taken. */
export async function serveFolder(folder: string, port: number, say: (line: string) => void): Promise<void> {
  const files = filesOf(folder);
  const server = createServer((request, response) => answer(folder, files, request, response));
  await listening(server, port);
  say(`open http://127.0.0.1:${(server.address() as AddressInfo).port}/ (Ctrl-C ends it)`);
  await new Promise<void>((resolve) => {
    const stop = stopOnSignals(() => {
      stop.release();
      server.closeAllConnections();
      server.close(() => resolve());
    });
  });
}

/** What may be asked for: the files that are there at the start, by their names below the folder. */
const filesOf = (folder: string): ReadonlySet<string> =>
  new Set(
    readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(folder, name)).isFile()),
  );

function answer(folder: string, files: ReadonlySet<string>, request: IncomingMessage, response: ServerResponse): void {
  const asked = (request.url ?? "/").split("?")[0]!.slice(1) || "index.html";
  const isLocal = /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? "");
  if (request.method !== "GET" || !isLocal || !files.has(asked)) {
    response.writeHead(404).end();
    return;
  }
  const type = types[extname(asked)] ?? "application/octet-stream";
  response.writeHead(200, { "content-type": type, "x-content-type-options": "nosniff", "cache-control": "no-cache" });
  createReadStream(join(folder, asked))
    .on("error", () => response.destroy())
    .pipe(response);
}

const listening = (server: ReturnType<typeof createServer>, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", ({ message }) =>
      reject(
        new SelfsightError(
          "configuration",
          `page: port ${port} cannot be used (${message}); a free one is needed; choose another with --serve PORT`,
        ),
      ),
    );
    server.listen(port, "127.0.0.1", () => resolve());
  });
