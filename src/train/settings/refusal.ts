import type { z } from "zod";
import { didYouMean, displayName, nearest, SelfsightError } from "../../errors.ts";
import { isTree, keysIn, valueAt } from "./setting-tree.ts";

/** The sentence for settings that do not fit their schema: each wrong key with its value and what is allowed. */
export function settingsRefusal(error: z.ZodError, given: unknown, known: unknown): SelfsightError {
  const lines = error.issues.flatMap((issue) => linesFor(issue, given, known));
  return new SelfsightError("configuration", `settings: ${lines.join("; ")}`);
}

function linesFor(issue: z.core.$ZodIssue, given: unknown, known: unknown): string[] {
  const path = displayName(issue.path.join("."));
  if (issue.code === "unrecognized_keys")
    return issue.keys.map(
      (key) => `${path ? `${path}.` : ""}${displayName(key)}: no such setting.${suggestion(key, issue.path, known)}`,
    );
  const value = valueAt(given, issue.path);
  const guess = issue.code === "invalid_value" ? didYouMean(String(value), issue.values.map(String)) : "";
  return [`${path} ${shown(value)}: ${issue.message}${guess && `.${guess}`}`];
}

/** A key beside the unknown one, else one of that name elsewhere: `learningRate` is `optimizer.learningRate`. */
function suggestion(key: string, path: readonly PropertyKey[], known: unknown): string {
  const beside = valueAt(known, path);
  const sibling = nearest(key, isTree(beside) ? Object.keys(beside) : []);
  if (sibling !== undefined) return ` Did you mean ${[...path, sibling].join(".")}?`;
  const elsewhere = keysIn(known);
  const name = nearest(key, elsewhere.map(lastPart));
  return name === undefined ? "" : ` Did you mean ${elsewhere.find((other) => lastPart(other) === name)}?`;
}

const lastPart = (key: string): string => key.slice(key.lastIndexOf(".") + 1);

function shown(value: unknown): string {
  const text = typeof value === "number" ? String(value) : describe(value);
  return displayName(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

function describe(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[...]" : "{...}";
  return JSON.stringify(value) ?? "undefined";
}
