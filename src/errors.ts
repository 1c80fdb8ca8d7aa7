/** What went wrong, as the person who ran the command should see it; each kind has its exit code. */
export const exitCodes = {
  bug: 1,
  configuration: 2,
  data: 3,
  storage: 4,
  checkpoint: 5,
  numerics: 6,
  distributed: 7,
  unsafe: 8,
  memory: 9,
} as const;

export type ErrorKind = keyof typeof exitCodes;

/** An error with a sentence for its reader: *operation: what was given; what is needed; what to do.* */
export class SelfsightError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SelfsightError";
    this.kind = kind;
  }

  get exitCode(): number {
    return exitCodes[this.kind];
  }
}

/**
 * A call that its caller made wrongly: shapes, types, freed tensors. A program's author can mend it; in a command the caller is
 * Selfsight, see `kindInCommand`.
 */
export class CallError extends SelfsightError {
  constructor(message: string, options?: ErrorOptions) {
    super("configuration", message, options);
  }
}

/** What an error is to somebody who gave a command: all that is no sentence to them, wrong calls among it, is a fault of Selfsight. */
export const kindInCommand = (error: unknown): ErrorKind =>
  error instanceof SelfsightError && !(error instanceof CallError) ? error.kind : "bug";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What does not show, or shows what it is not: control and direction characters, line separators, bytes that were none. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
export const unshown = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffd]/;
const everyUnshown = new RegExp(unshown, "g");

/** A file name fit for a terminal, a log or a page: control, direction and invalid bytes are escaped, quotes stay. */
export function displayName(name: string | Uint8Array): string {
  const text = typeof name === "string" ? name : utf8.decode(name);
  return text.replace(everyUnshown, escapeCharacter);
}

const escapeCharacter = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * The candidate that a misspelt word most likely meant (Damerau-Levenshtein distance), else the only one that begins with it,
 * or undefined when none is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const ranked = [...candidates].map((candidate) => ({
    candidate,
    edits: editDistance(normal(word), normal(candidate)),
  }));
  ranked.sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  const mostEdits = Math.min(word.length - 1, Math.max(2, Math.floor(word.length / 3)));
  if (best && best.edits <= mostEdits) return best.candidate;
  const longer = ranked.filter(({ candidate }) => normal(candidate).startsWith(normal(word)));
  return word.length >= 3 && longer.length === 1 ? longer[0]!.candidate : undefined;
}

/** ` Did you mean X?`, or nothing; made to be appended to a message. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const guess = nearest(word, candidates);
  return guess === undefined ? "" : ` Did you mean ${guess}?`;
}

/** Case and separators are the commonest slips; they count for nothing. */
const normal = (word: string) => word.toLowerCase().replace(/[-_\s]/g, "");

function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) for (let j = 1; j <= b.length; j++) rows[i]![j] = editCost(rows, a, b, i, j);
  return rows[a.length]![b.length]!;
}

function editCost(rows: number[][], a: string, b: string, i: number, j: number): number {
  const substitution = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
  const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
  const transposition = swapped ? rows[i - 2]![j - 2]! + 1 : Number.POSITIVE_INFINITY;
  return Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, substitution, transposition);
}
