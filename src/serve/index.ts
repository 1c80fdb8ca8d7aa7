/** LAYER 4: the live page's server. It reads runs' folders and starts commands; it never loads libtorch. */
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { displayName, SelfsightError } from "../errors.ts";
import { version } from "../version.ts";
import { commandActs, type Training } from "./acts/acts.ts";
import { registry } from "./folder/registry.ts";
import { pageFiles } from "./http/page-files.ts";
import { type Listening, listen } from "./http/server.ts";
import { liveFeed } from "./live/feed.ts";

export { exportRun, type WrittenPages } from "./export.ts";
export type { Training };

export interface ServeOptions {
  training: Training;
  /** Default 127.0.0.1: this machine alone. */
  host?: string | undefined;
  /** Default: the first free one from 8090 on. */
  port?: number | undefined;
  /** Default: drawn at random. */
  token?: string | undefined;
  /** Whether runs are steered and started from the page. Default true. */
  acts?: boolean | undefined;
}

/** Serves the page of the runs below `folder`. Errors: configuration (no such folder, no such port), storage (the page is not built). */
export async function serveRuns(
  folder: string,
  { host = "127.0.0.1", port, token = randomBytes(18).toString("base64url"), acts = true, training }: ServeOptions,
): Promise<Listening> {
  refuseNoFolder(folder);
  const runs = registry(folder);
  const parts = {
    runs,
    feed: liveFeed(runs),
    acts: commandActs(runs.root, training, acts),
    files: pageFiles(),
    version,
  };
  return listen(parts, { host, port, token });
}

function refuseNoFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  throw new SelfsightError(
    "configuration",
    `ui: ${displayName(folder)} is ${found ? "no folder" : "not there"}; a run or a folder with runs is needed; name it, or begin with \`selfsight pretrain\``,
  );
}
