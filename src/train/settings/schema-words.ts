// What a schema says of itself, in words: the range of a value and its meaning, for refusals and listings alike.
import { z } from "zod";
import { displayName } from "../../errors.ts";

type Schema = z.core.$ZodType;
type Definition = z.core.$ZodTypes["_zod"]["def"];

const definitionOf = (schema: Schema) => (schema as z.core.$ZodTypes)._zod.def;

/** What stands in a schema that only adds a default, an absence or a conversion. */
function inner(definition: Definition): Schema | undefined {
  if ("innerType" in definition) return definition.innerType;
  return definition.type === "pipe" ? definition.in : undefined;
}

/** The schema of the value at a path, or undefined where there is none. */
export function schemaAt(schema: Schema | undefined, path: readonly PropertyKey[]): Schema | undefined {
  if (schema === undefined || path.length === 0) return schema;
  const definition = definitionOf(schema);
  const wrapped = inner(definition);
  if (wrapped) return schemaAt(wrapped, path);
  const [key, ...rest] = path;
  if (definition.type === "object") return schemaAt(definition.shape[String(key)], rest);
  if (definition.type === "array") return schemaAt(definition.element, rest);
  if (definition.type === "tuple") return schemaAt(definition.items[Number(key)], rest);
  if (definition.type === "record") return schemaAt(definition.valueType, rest);
  return undefined;
}

/** Its meaning as `describe` gave it, or undefined. */
export function meaningOf(schema: Schema | undefined): string | undefined {
  if (schema === undefined) return undefined;
  return z.globalRegistry.get(schema)?.description ?? meaningOf(inner(definitionOf(schema)));
}

/** What is allowed, as words that `is needed` may follow; `meta({ needed })` says it where the types do not. */
export function neededBy(schema: Schema): string {
  const said = z.globalRegistry.get(schema)?.needed;
  if (typeof said === "string") return said;
  const definition = definitionOf(schema);
  if (definition.type === "nullable") return `null or ${neededBy(definition.innerType)}`;
  const wrapped = inner(definition);
  if (wrapped) return neededBy(wrapped);
  if (definition.type === "union") return definition.options.map(neededBy).join(" or ");
  return neededByType(definition);
}

function neededByType(definition: Definition): string {
  if (definition.type === "number") return neededNumber(definition);
  if (definition.type === "boolean") return "true or false";
  if (definition.type === "enum") return listed(Object.values(definition.entries));
  if (definition.type === "literal") return listed(definition.values);
  if (definition.type === "tuple")
    return `a list of ${definition.items.length}, each ${neededBy(definition.items[0]!)}`;
  if (definition.type === "array") return `a list, each ${neededBy(definition.element)}`;
  if (definition.type === "object") return `a table of ${Object.keys(definition.shape).join(", ")}`;
  return definition.type === "string" ? "text" : "another value";
}

const listed = (choices: readonly unknown[]): string =>
  choices.length < 2 ? choices.join("") : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;

interface Bound {
  value: number;
  inclusive: boolean;
}

function neededNumber(definition: z.core.$ZodNumberDef): string {
  const checks = (definition.checks ?? []).map(({ _zod }) => _zod.def as z.core.$ZodCheckDef & Partial<Bound>);
  const isWhole = checks.some(({ check }) => check === "number_format");
  const bounds = (check: string) => checks.filter((one) => one.check === check) as unknown as Bound[];
  const least = bounds("greater_than").sort((a, b) => b.value - a.value)[0];
  const most = bounds("less_than").sort((a, b) => a.value - b.value)[0];
  return `a ${isWhole ? "whole " : ""}number${rangeOf(isWhole ? closed(least) : least, most)}`;
}

/** Of whole numbers: above 0 is 1 or more. */
const closed = (least: Bound | undefined): Bound | undefined =>
  least && !least.inclusive ? { value: least.value + 1, inclusive: true } : least;

function rangeOf(least: Bound | undefined, most: Bound | undefined): string {
  if (!least) return most ? ` ${upTo(most)}` : "";
  if (!most) return least.inclusive ? ` of ${least.value} or more` : ` above ${least.value}`;
  if (least.inclusive && most.inclusive) return ` from ${least.value} to ${most.value}`;
  return least.inclusive ? ` from ${least.value} to ${upTo(most)}` : ` above ${least.value} and ${upTo(most)}`;
}

const upTo = ({ value, inclusive }: Bound): string => `${inclusive ? "at most" : "below"} ${value}`;

/** What an issue asks for: of a rule of our own its sentence, else what the schema allows there, because zod's texts are for programmers. */
export function neededFor(issue: z.core.$ZodIssue, schema: Schema): string {
  if (issue.code === "unrecognized_keys") return `no such key: ${issue.keys.map(displayName).join(", ")}`;
  const place = schemaAt(schema, issue.path);
  return issue.code === "custom" || place === undefined ? issue.message : `${neededBy(place)} is needed`;
}

/** A stored value that fits its schema. Errors: a plain one whose text is the first fault, such as `settings.width: a whole number ... is needed`. */
export function fitted<S extends z.ZodType>(schema: S, value: unknown, prefix: readonly string[] = []): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = [...prefix, ...issue.path].join(".");
  throw new Error(`${path ? `${displayName(path)}: ` : ""}${neededFor(issue, schema)}`);
}
