// Settings as dotted keys, and what was changed of them while a run trained.

export type Flat = Readonly<Record<string, unknown>>;

/** `{optimizer: {name: "sgd"}}` as `{"optimizer.name": "sgd"}`; lists of tables by their places, other lists as they are. */
export function flat(tree: unknown, path: readonly string[] = []): Flat {
  const isTable = typeof tree === "object" && tree !== null;
  const isList = Array.isArray(tree);
  if (!isTable || (isList && !tree.some((one) => typeof one === "object" && one !== null)))
    return { [path.join(".")]: tree };
  return Object.assign({}, ...Object.entries(tree).map(([key, value]) => flat(value, [...path, key])));
}

/** The settings of the next step: those that the run began with and the changes since. */
export function settingsNow(settings: unknown, changes: readonly Flat[]): Flat {
  const now: Record<string, unknown> = { ...flat(settings ?? {}) };
  for (const { changes: own } of changes)
    for (const change of Array.isArray(own) ? (own as { key?: unknown; to?: unknown }[]) : [])
      if (typeof change?.key === "string") now[change.key] = change.to;
  return now;
}

/** Keys that one of these globs names; `views.*` names all below it. */
export const keysMatching = (keys: readonly string[], globs: readonly string[]): string[] =>
  keys.filter((key) => globs.some((glob) => key === glob || (glob.endsWith("*") && key.startsWith(glob.slice(0, -1)))));

/** What was typed as a value: JSON where it is JSON, else text. */
export function valueFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A value as it would be typed. */
export const typed = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
