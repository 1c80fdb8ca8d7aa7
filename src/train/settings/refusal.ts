import type { z } from "zod";
import { didYouMean, displayName, nearest, SelfsightError } from "../../errors.ts";
import { type Method, methods } from "../../methods/index.ts";
import { neededFor } from "./schema-words.ts";
import { isTree, keysIn, valueAt } from "./setting-tree.ts";

/** What was checked: the settings as given, the schema of the method's run, and the tree of all keys that it has. */
export interface Checked {
  method: Method;
  given: unknown;
  schema: z.core.$ZodType;
  known: unknown;
}

/** The sentence for settings that do not fit their schema: each wrong key with its value and what is allowed. */
export function settingsRefusal(error: z.ZodError, checked: Checked): SelfsightError {
  const lines = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => unknownKey(key, issue.path, checked))
      : [wrongValue(issue, checked)],
  );
  return new SelfsightError(
    "configuration",
    `settings: ${lines.join("; ")} (\`selfsight settings ${checked.method.name}\` lists all)`,
  );
}

/** Errors: configuration, naming the operation and the first value that does not fit. */
export function refuseUnfit(operation: string, schema: z.ZodType, given: unknown): void {
  const parsed = schema.safeParse(given);
  if (parsed.success) return;
  throw new SelfsightError("configuration", `${operation}: ${wrongValue(parsed.error.issues[0]!, { given, schema })}`);
}

function wrongValue(issue: z.core.$ZodIssue, { given, schema }: Pick<Checked, "given" | "schema">): string {
  const value = valueAt(given, issue.path);
  const guess = issue.code === "invalid_value" ? didYouMean(String(value), issue.values.map(String)) : "";
  return `${displayName(issue.path.join("."))} ${shown(value)}: ${neededFor(issue, schema)}${guess && `.${guess}`}`;
}

function unknownKey(key: string, path: readonly PropertyKey[], checked: Checked): string {
  const name = displayName([...path, key].join("."));
  const guess = suggestion(key, path, checked.known);
  return `${name}: ${whoseItIs(key, path, checked)}${guess && `.${guess}`}`;
}

/** Whose setting it is, or whose it is not, with the names that there are. */
function whoseItIs(key: string, path: readonly PropertyKey[], { method, known }: Checked): string {
  if (path.length > 0) return `no such setting; there are ${beside(known, path).join(", ")}`;
  const owners = Object.values(methods).filter(({ options }) => Object.hasOwn(options.shape, key));
  if (owners.length > 0) return `a setting of ${owners.map(({ name }) => name).join(", ")}, not of ${method.name}`;
  const own = Object.keys(method.options.shape);
  return `no such setting of ${method.name}${own.length > 0 ? `; its own are ${own.join(", ")}` : ""}`;
}

/** A key beside the unknown one, else one of that name elsewhere: `learningRate`, or `lr`, is `optimizer.learningRate`. */
function suggestion(key: string, path: readonly PropertyKey[], known: unknown): string {
  const sibling = nearest(key, beside(known, path));
  if (sibling !== undefined) return ` Did you mean ${[...path, sibling].join(".")}?`;
  const elsewhere = keysIn(known);
  const name =
    elsewhere.map(lastPart).find((other) => initialsOf(other) === key) ?? nearest(key, elsewhere.map(lastPart));
  return name === undefined ? "" : ` Did you mean ${elsewhere.find((other) => lastPart(other) === name)}?`;
}

function beside(known: unknown, path: readonly PropertyKey[]): string[] {
  const place = valueAt(known, path);
  return isTree(place) ? Object.keys(place) : [];
}

/** `lr` of `learningRate`, as people shorten it. */
const initialsOf = (key: string): string => key.replace(/(?<=.)[^A-Z]/g, "").toLowerCase();

const lastPart = (key: string): string => key.slice(key.lastIndexOf(".") + 1);

function shown(value: unknown): string {
  const text = typeof value === "number" ? String(value) : describe(value);
  return displayName(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

function describe(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[...]" : "{...}";
  return JSON.stringify(value) ?? "undefined";
}
