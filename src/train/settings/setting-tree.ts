// Settings as trees: merged, compared and walked.
import { displayName, SelfsightError } from "../../errors.ts";

type Tree = Record<string, unknown>;

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `base` with what `over` says; a tree over a list changes single places of it. Errors: configuration, for a place that is not there. */
export function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (Array.isArray(base) && isTree(over)) return mergeItems(base, over);
  if (!isTree(base) || !isTree(over)) return over;
  const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries(Array.from(keys, (key) => [key, merge(base[key], over[key])]));
}

/** Items of a list by their places; `*` is all of them, and what is said of one place wins over it. */
function mergeItems(base: readonly unknown[], over: Tree): unknown[] {
  const places = base.map((_, i) => String(i));
  const unknown = Object.keys(over).find((key) => key !== "*" && !places.includes(key));
  if (unknown !== undefined)
    throw new SelfsightError(
      "configuration",
      `settings: place ${displayName(unknown)} in a list of ${base.length}; ${places.join(", ")} or * is needed; check the key`,
    );
  return base.map((item, i) => merge(merge(item, over["*"]), over[i]));
}

/** A tree of settings in which one dotted key has a value. */
export const settingTree = (key: string, value: unknown): unknown =>
  key.split(".").reduceRight<unknown>((inner, part) => ({ [part]: inner }), value);

/** What stands at a path, or undefined. */
export function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (place, key) =>
      typeof place === "object" && place !== null ? (place as Record<PropertyKey, unknown>)[key] : undefined,
    tree,
  );
}

/** Dotted keys of all branches and leaves of a tree. */
export function keysIn(tree: unknown, prefix = ""): string[] {
  if (typeof tree !== "object" || tree === null) return [];
  return Object.entries(tree).flatMap(([key, value]) => [`${prefix}${key}`, ...keysIn(value, `${prefix}${key}.`)]);
}

export interface Change {
  key: string;
  from: unknown;
  to: unknown;
}

/** The leaves in which two trees differ. */
export function changesBetween(from: unknown, to: unknown, key = ""): Change[] {
  if (typeof from !== "object" || typeof to !== "object" || from === null || to === null)
    return Object.is(from, to) ? [] : [{ key, from, to }];
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys].flatMap((name) =>
    changesBetween(valueAt(from, [name]), valueAt(to, [name]), key ? `${key}.${name}` : name),
  );
}
