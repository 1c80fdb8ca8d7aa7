// The trainer's side of control/: what came since the last look, each checked before a word of it is believed.
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { displayName, SelfsightError } from "../../errors.ts";
import { controlPath, isOwnFolder, mostRequestBytes, type ReadRequest, requestFrom, requestName } from "./request.ts";

/** A request that was read, or the reason why it is none. */
export type Received = { id: string } & ({ request: ReadRequest } | { reason: string });

export interface Inbox {
  /** What came, in the order of arrival; at most once a second it looks, else there is nothing. Never throws. */
  look(): Received[];
  /** Forgets a request that was answered. */
  answered(id: string): void;
}

/** For a process that takes no requests. */
export const closedInbox: Inbox = { look: () => [], answered: () => {} };

export interface InboxOptions {
  /** Least time between two looks. Default 1000. */
  everyMilliseconds?: number;
  /** Told once why no requests are taken. */
  onProblem: (message: string) => void;
}

/** More at once are a flood: none of them is carried out. */
const mostRequests = 256;
/** Names that a look reads; a folder of more is not read to its end. */
const mostNames = 20_000;
/** A file that is no JSON may still be on its way for so long. */
const patienceMilliseconds = 2000;

interface Looking {
  control: string;
  onProblem: (message: string) => void;
  /** Names that cannot be removed. */
  passedBy: Set<string>;
}

/** Makes control/, answers for what lies in it from before, and takes what comes. */
export function openInbox(folder: string, { everyMilliseconds = 1000, onProblem }: InboxOptions): Inbox {
  const said = new Set<string>();
  const sayOnce = (message: string) => {
    if (!said.has(message)) onProblem(message);
    said.add(message);
  };
  const looking = { control: controlPath(folder), onProblem: sayOnce, passedBy: new Set<string>() };
  makeControl(looking);
  const late = namesIn(looking).map((id) => ({ id, reason: "it came when nobody trained" }));
  let lookedAt = Number.NEGATIVE_INFINITY;
  return {
    look() {
      const now = performance.now();
      if (late.length > 0) return late.splice(0);
      if (now - lookedAt < everyMilliseconds) return [];
      lookedAt = now;
      return received(looking);
    },
    answered: (id) => remove(looking, id),
  };
}

function makeControl({ control, onProblem }: Looking): void {
  try {
    mkdirSync(control, { mode: 0o700 });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== "EEXIST") onProblem(`steer: ${displayName(control)}: ${message}; this run takes no requests`);
  }
}

function received(looking: Looking): Received[] {
  const ids = namesIn(looking);
  if (ids.length <= mostRequests) return ids.flatMap((id) => read(looking, id));
  for (const id of ids) remove(looking, id);
  return [
    {
      id: ids[0]!,
      reason: `${ids.length} requests came at once, and at most ${mostRequests} may wait; none of them was carried out`,
    },
  ];
}

/** Ids of the requests that wait, the first that came first. */
function namesIn({ control, onProblem, passedBy }: Looking): string[] {
  if (!isOwnFolder(control)) {
    onProblem(
      `steer: ${displayName(control)} is no folder of this user's alone (mode 0700); this run takes no requests`,
    );
    return [];
  }
  try {
    const names = entriesOf(control).filter((name) => requestName.test(name) && !passedBy.has(name));
    return names.map((name) => name.slice(0, -".json".length)).sort();
  } catch (cause) {
    onProblem(`steer: ${displayName(control)}: ${(cause as Error).message}; this run takes no requests`);
    return [];
  }
}

function entriesOf(path: string): string[] {
  const folder = opendirSync(path, { bufferSize: 256 });
  const names: string[] = [];
  try {
    for (let entry: Dirent | null; names.length < mostNames; ) {
      entry = folder.readSync();
      if (entry === null) break;
      names.push(entry.name);
    }
  } finally {
    folder.closeSync();
  }
  return names;
}

function read({ control }: Looking, id: string): Received[] {
  try {
    const { text, age } = textOf(join(control, `${id}.json`));
    const json = parsed(text);
    if (json === undefined) return age < patienceMilliseconds ? [] : [{ id, reason: "the request is no JSON" }];
    return [checked(id, json)];
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    const reason = (cause as NodeJS.ErrnoException).code === "ELOOP" ? "it is a link" : (cause as Error).message;
    return [{ id, reason: `the request cannot be read: ${displayName(reason)}` }];
  }
}

/** Opened once and looked at through what was opened: no link, no pipe, of this user, small. */
function textOf(path: string): { text: string; age: number } {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new Error("it is no regular file");
    if (stats.uid !== process.getuid?.()) throw new Error("it belongs to another user");
    if (stats.size > mostRequestBytes)
      throw new Error(`it has ${stats.size} bytes, at most ${mostRequestBytes} are read`);
    return { text: readFileSync(file, "utf8"), age: Date.now() - stats.mtimeMs };
  } finally {
    closeSync(file);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checked(id: string, json: unknown): Received {
  try {
    return { id, request: requestFrom(json) };
  } catch (cause) {
    return { id, reason: `the request is none: ${(cause as Error).message}` };
  }
}

function remove({ control, passedBy }: Looking, id: string): void {
  const name = `${id}.json`;
  try {
    rmSync(join(control, name), { force: true });
  } catch {
    if (passedBy.size < mostNames) passedBy.add(name); // a folder of that name, or a file system that may not be written
  }
}

export const reasonOf = (cause: unknown): string =>
  cause instanceof SelfsightError ? cause.message : `a fault of Selfsight: ${(cause as Error).message}`;
