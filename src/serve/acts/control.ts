// Requests to the process that trains: files in the run's folder `control`, which it takes, answers in its log and removes.
import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { displayName, SelfsightError } from "../../errors.ts";
import { writeFileDurably } from "../../files.ts";

const mostRequests = 256;
const mostBytes = 1 << 14;

/** Writes a request and returns its id; the answer is an `act` event with that id. Errors: configuration, unsafe, storage. */
export function ask(run: string, act: Readonly<Record<string, unknown>>): string {
  const folder = controlFolder(run);
  const text = `${JSON.stringify({ format: 1, ...act, via: "page" })}\n`;
  if (text.length > mostBytes)
    throw refusal(`a request of ${text.length} bytes`, `at most ${mostBytes}`, "change less at once");
  if (readdirSync(folder).length >= mostRequests)
    throw refusal(`${mostRequests} requests wait`, "room for one more", "wait until the run has answered some");
  const id = `${String(Date.now()).padStart(13, "0")}-${randomBytes(4).toString("hex")}`;
  writeFileDurably(join(folder, `${id}.json`), text);
  return id;
}

/** The process made it when it began; a link would lead elsewhere. */
function controlFolder(run: string): string {
  const folder = join(realpathSync(run), "control");
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return folder;
  throw refusal(
    `${displayName(folder)} is ${found ? "no folder" : "not there"}`,
    "a run that listens",
    "resume it with this version of Selfsight",
  );
}

const refusal = (given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `steer: ${given}; ${needed} is needed; ${advice}`);
