// Every setting of a method's runs with its default, its range and its meaning, all out of the schema itself.
import { z } from "zod";
import { type MethodName, methods } from "../../methods/index.ts";
import { meaningOf, neededBy, schemaAt } from "./schema-words.ts";
import { isTree, valueAt } from "./setting-tree.ts";
import { defaultSettings, type Settings, schemaFor } from "./settings.ts";
import { steerableKeys } from "./steerable-keys.ts";

export interface SettingFacts {
  /** Dotted, as `--set` takes it; `views.*` is every view. */
  key: string;
  /** Where nothing else is said; of `views.*` one value for each view where they differ. */
  default: unknown;
  /** What is allowed, in words. */
  needed: string;
  meaning: string;
  /** Whether it is the method's own. */
  isOfMethod: boolean;
}

/**
 * The zod schema of a run's settings by this method, all of them given: to check a form against, or to make a JSON schema of with
 * `z.toJSONSchema(schema, { io: "input" })`.
 */
export const settingsSchema = (method: MethodName): z.ZodType<Settings> =>
  schemaFor(methods[method]) as unknown as z.ZodType<Settings>; // one method's schema, one method's settings

/**
 * The same as a JSON Schema (draft 2020-12) of what a person may write, with meanings as descriptions, for forms and editors. Under
 * `x-steerable` stand the keys that may change while a run trains.
 */
export function settingsJsonSchema(method: MethodName): Record<string, unknown> {
  const schema = z.toJSONSchema(schemaFor(methods[method]), { io: "input", unrepresentable: "any" });
  const optimizer = schema.properties?.optimizer;
  if (typeof optimizer === "object") delete optimizer.required; // whatever is left out has a default
  delete schema.required;
  return { ...schema, "x-steerable": steerableKeys({ method }) };
}

/** The settings of a method, its own first. */
export function settingsOf(method: MethodName): SettingFacts[] {
  const schema = schemaFor(methods[method]);
  const defaults = defaultSettings({ method });
  const own = Object.keys(methods[method].options.shape);
  const factsOf = (path: string[]): SettingFacts => {
    const place = schemaAt(schema, path)!;
    return {
      key: path.join("."),
      default: defaultAt(defaults, path),
      needed: neededBy(place),
      meaning: meaningOf(place) ?? "",
      isOfMethod: own.includes(path[0]!),
    };
  };
  const leaves = leavesOf(defaults, []).map(factsOf);
  return [...leaves.filter(({ isOfMethod }) => isOfMethod), ...leaves.filter(({ isOfMethod }) => !isOfMethod)];
}

/** Paths of all leaves; those of the views once for all of them. */
function leavesOf(tree: object, path: string[]): string[][] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const here = [...path, key];
    if (Array.isArray(value) && isTree(value[0])) return leavesOf(value[0], [...here, "*"]);
    return isTree(value) ? leavesOf(value, here) : [here];
  });
}

/** One value for each view where the views differ. */
function defaultAt(tree: unknown, path: readonly string[]): unknown {
  const star = path.indexOf("*");
  if (star < 0) return valueAt(tree, path);
  const views = valueAt(tree, path.slice(0, star)) as unknown[];
  const values = views.map((view) => valueAt(view, path.slice(star + 1)));
  const isOne = values.every((value) => JSON.stringify(value) === JSON.stringify(values[0]));
  return isOne ? values[0] : values;
}
