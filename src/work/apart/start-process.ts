// Starts a process of its own for one order and listens to it: nothing that goes wrong in it can touch this one.
import { type ChildProcess, fork } from "node:child_process";
import { displayName, type ErrorKind } from "../../errors.ts";

/** Why a process ended that did not say so itself. */
export interface Death {
  kind: ErrorKind;
  message: string;
}

export interface Started {
  /** Resolves when the process is gone. */
  ended: Promise<Death>;
  /** Asks it to save and end. */
  stop(): void;
}

export interface ProcessFile {
  name: string;
  from: string;
  /** Beside this process's own. Default nothing. */
  environment?: Readonly<Record<string, string>>;
}

/** Starts the file `name` beside `from`, whose body is `serveOrder`; whatever it says is handed to `onReport`. */
export function startProcess<Order, Report>(
  file: ProcessFile,
  order: Order,
  onReport: (report: Report) => void,
): Started {
  const child = forked(file);
  const lastWords = tailOf(child);
  child.on("message", (report: Report) => onReport(report));
  const ended = new Promise<Death>((resolve) => {
    child.on("error", (cause) => resolve(death("bug", `its process could not be started: ${cause.message}`)));
    child.on("close", (code, signal) => resolve(deathOf(code, signal, lastWords())));
  });
  const send = (message: { order: Order } | "stop") => void (child.connected && child.send(message, () => {}));
  send({ order });
  return { ended, stop: () => send("stop") };
}

/** From sources (tests), Node cannot load TypeScript by itself and goes through jiti. */
function forked({ name, from, environment }: ProcessFile): ChildProcess {
  const isSource = from.endsWith(".ts");
  const body = new URL(`./${name}.${isSource ? "ts" : "js"}`, from);
  const execArgv = isSource ? ["--import", "jiti/register"] : [];
  const env = { ...process.env, ...environment };
  return fork(body, { env, execArgv, stdio: ["ignore", "ignore", "pipe", "ipc"], serialization: "advanced" });
}

const death = (kind: ErrorKind, message: string): Death => ({ kind, message });

/** SIGKILL is what the kernel sends when memory runs out. */
function deathOf(code: number | null, signal: string | null, lastWords: string): Death {
  const words = lastWords ? `: ${displayName(lastWords)}` : "";
  if (signal === "SIGKILL")
    return death("memory", `its process was killed (SIGKILL), as the kernel does when memory runs out${words}`);
  return death("bug", `its process ended ${signal ? `by ${signal}` : `with code ${code}`}${words}`);
}

const wordsKept = 500;

function tailOf({ stderr }: ChildProcess): () => string {
  let tail = "";
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-wordsKept);
  });
  return () => tail.trim();
}
