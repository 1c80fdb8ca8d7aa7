// What is said when processes lose each other.
import { type ErrorKind, SelfsightError } from "../errors.ts";

/** What went wrong in another process; this one ends of it too, with the same exit code. */
export class FaultOfAnother extends SelfsightError {
  constructor(kind: ErrorKind, message: string, rank?: number) {
    super(kind, rank === undefined ? message : `process ${rank} ended: ${message}`);
  }
}

/** How Gloo and the store say that another process is gone, silent, or never came. */
const lost =
  /gloo|connection (closed|reset|refused)|connect(ion)? .*(failed|timed out)|timed? ?out|broken pipe|socket|rendezvous|recv(Value)?|application timeout|pair closure|store/i;

/** Whether an error comes from what lies between processes. Errors of one's own are sentences of other kinds. */
export function isOfTheOthers(error: unknown): boolean {
  if (error instanceof FaultOfAnother) return false;
  if (error instanceof SelfsightError && !["bug", "configuration"].includes(error.kind)) return false;
  return error instanceof Error && lost.test(error.message);
}

export interface Loss {
  size: number;
  /** Processes that answered nothing, with what is known of them, such as "1 (host, process 4711)". */
  silent: readonly string[];
  /** What processes said before they ended. */
  ended: readonly string[];
  /** Whether the meeting place itself is gone. */
  isMeetingGone: boolean;
  keeper: string;
  seconds: number;
  /** How to go on. */
  advice: string;
  cause: unknown;
}

export function lossOf({ size, silent, ended, isMeetingGone, keeper, seconds, advice, cause }: Loss): SelfsightError {
  const found = [
    ...ended,
    ...silent.map((name) => `process ${name} ended or did not answer`),
    ...(isMeetingGone ? [`${keeper}, which keeps the meeting place, is gone or cannot be reached`] : []),
  ];
  const what = found.length > 0 ? found.join("; ") : `a connection was lost (${firstLine(cause)})`;
  return new SelfsightError(
    "distributed",
    `${size} processes: ${what}; all of them are needed, each within the deadline of ${seconds} s; ${advice}`,
    { cause },
  );
}

const firstLine = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!;
