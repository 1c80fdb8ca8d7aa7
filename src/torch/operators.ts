import { CallError, SelfsightError } from "../errors.ts";
import { addon, type DType, type Handle, handlesOf } from "./addon.ts";
import { newerSchemas, schemas, torchvisionSchemas } from "./schemas.ts";

export type MemoryFormat = "contiguous_format" | "preserve_format" | "channels_last";

/** What a call needs to know of a tensor; the class itself stands above (tensor.ts), and names itself as T. */
export interface EngineTensor {
  readonly handle: Handle;
  readonly isAlive: boolean;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

// ---- the types of the operators, read out of the schema lines by the compiler ----

type Single<S extends string, T> = S extends "Tensor"
  ? T
  : S extends "int" | "float" | "Scalar"
    ? number
    : S extends "bool"
      ? boolean
      : S extends "ScalarType"
        ? DType
        : S extends "MemoryFormat"
          ? MemoryFormat
          : S extends "Device" | "str"
            ? string
            : never;
type ValueOf<S extends string, T> = S extends `${infer U}?`
  ? ValueOf<U, T> | null
  : S extends "int[]"
    ? number | readonly number[]
    : S extends `${infer U}[]`
      ? readonly Single<U, T>[]
      : Single<S, T>;
type Split<S extends string> = S extends `${infer First}, ${infer Rest}`
  ? [First, ...Split<Rest>]
  : S extends ""
    ? []
    : [S];
type Arguments<L, T> = L extends [infer First, ...infer Rest]
  ? First extends `${infer S} ${string}=`
    ? [value?: ValueOf<S, T> | undefined, ...Arguments<Rest, T>]
    : First extends `${infer S} ${string}`
      ? [value: ValueOf<S, T>, ...Arguments<Rest, T>]
      : []
  : [];
type Result<R extends string, T> = R extends "()"
  ? undefined
  : R extends "(Tensor, Tensor)"
    ? [T, T]
    : R extends "Tensor[]"
      ? T[]
      : R extends "Tensor" | "Tensor!"
        ? T
        : never;
type NameOf<S> = S extends `${string}::${infer Name}(${string}` ? Name : never;
type OperatorOf<S, T> = S extends `${string}::${string}(${infer A}) -> ${infer R}`
  ? (...values: Arguments<Split<A>, T>) => Result<R, T>
  : never;

/** Every operator of the list under its name and overload, such as `op["add.Tensor"](a, b)`. */
export type Operators<T> = {
  readonly [S in
    | (typeof schemas)[number]
    | (typeof newerSchemas)[number]
    | (typeof torchvisionSchemas)[number] as NameOf<S>]: OperatorOf<S, T>;
};

// ---- the calls ----

interface Line {
  name: string;
  overload: string;
  argumentNames: string[];
  result: string;
}

function parse(line: string): Line {
  const [, name, overload, list, result] = /^(\w+::\w+)\.?(\w*)\((.*)\) -> (.*)$/.exec(line)!;
  const argumentNames = list!.split(", ").map((argument) => argument.split(" ")[1]!.replace("=", ""));
  return { name: name!, overload: overload!, argumentNames, result: result! };
}

let numbers: Map<string, number> | undefined;

/** Looks every line up in the loaded libtorch. Errors: configuration, naming each needed line that it does not have. */
export function findOperators(needed: readonly string[], newer: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  const problems: string[] = [];
  const add = (line: string, missing: string[]) => {
    const number = lookUp(parse(line), missing);
    if (number !== null) found.set(line, number);
  };
  for (const line of needed) add(line, problems);
  for (const line of newer) add(line, []);
  if (problems.length === 0) return found;
  throw new SelfsightError(
    "configuration",
    `engine: libtorch ${addon().engine().builtFor} lacks operators that Selfsight needs (${problems.join("; ")}); run \`npx selfsight setup\` with libtorch 1.13 or 2.13`,
  );
}

function lookUp({ name, overload, argumentNames }: Line, problems: string[]): number | null {
  const label = overload ? `${name}.${overload}` : name;
  try {
    const number = addon().findOperator(name, overload, argumentNames);
    if (number === null) problems.push(label);
    return number;
  } catch (error) {
    problems.push(`${label} ${(error as Error).message}`);
    return null;
  }
}

/** Makes the callable operators; `wrap` turns a handle into a Tensor (given from outside, so that nothing imports in a circle). */
export function bindOperators<T extends EngineTensor>(wrap: (handle: Handle) => T): Operators<T> {
  const entries = [...schemas, ...newerSchemas, ...torchvisionSchemas].map(
    (line) => [/^\w+::(.*?)\(/.exec(line)![1]!, operator(line, wrap)] as const,
  );
  return Object.fromEntries(entries) as unknown as Operators<T>;
}

function operator(line: string, wrap: (handle: Handle) => EngineTensor): (...values: unknown[]) => unknown {
  const { name, result } = parse(line);
  const isInPlace = result === "Tensor!";
  let number: number | undefined;
  return (...values) => {
    number ??= numberOf(line);
    const result = callNative(name, number, values);
    if (isInPlace) return values[0];
    return Array.isArray(result) ? result.map(wrap) : result === undefined ? undefined : wrap(result as Handle);
  };
}

function numberOf(line: string): number | undefined {
  numbers ??= findOperators(schemas, newerSchemas); // all at once, before the first call
  return numbers.get(line);
}

/** Looks up operators of a library that was opened after the others were looked up. Errors: configuration, naming those it lacks. */
export function addOperators(lines: readonly string[]): void {
  numberOf(schemas[0]);
  for (const [line, number] of findOperators(lines, [])) numbers!.set(line, number);
}

/** Whether the loaded libtorch has one of the newer operators. */
export function isSupported(name: NameOf<(typeof newerSchemas)[number]>): boolean {
  return newerSchemas.some((line) => line.includes(`::${name}(`) && numberOf(line) !== undefined);
}

function callNative(name: string, number: number | undefined, values: readonly unknown[]): unknown {
  try {
    return addon().call(number, ...values.map(native));
  } catch (error) {
    throw engineError(name, values, error);
  }
}

/** Any other call of the addon: what it throws becomes the engine's sentence. */
export function engineCall<T>(name: string, values: readonly unknown[], body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw engineError(name, values, error);
  }
}

const isTensorList = (value: object): value is readonly EngineTensor[] =>
  Array.isArray(value) && value.length > 0 && value.every(isTensor);

const isTensor = (value: unknown): value is EngineTensor =>
  typeof value === "object" && value !== null && "handle" in value;

/** How a value crosses the border: tensors as handles, lists of tensors as one array of them, all else as it is. */
function native(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isTensor(value)) return value.handle;
  return isTensorList(value) ? handlesOf(value) : value;
}

/**
 * The engine's sentence with the operator and the shapes that it was given. What libtorch refuses is wrong in the call, but where
 * memory ran out, or where libtorch or the device itself failed.
 */
export function engineError(name: string, values: readonly unknown[], cause: unknown): SelfsightError {
  if (cause instanceof SelfsightError) return cause; // the engine is not there at all
  const reason = cause instanceof Error ? cause.message.split("\n")[0]! : String(cause);
  const text = `${name.replace("aten::", "")}(${values.map(describeValue).join(", ")}): ${reason}`;
  if (isOutOfMemory.test(reason))
    return new SelfsightError("memory", text.replace(reason, shortage(reason)), { cause });
  if (isOfTheEngine.test(reason)) return new SelfsightError("bug", text, { cause });
  return new CallError(`${text}; ${adviceFor(reason)}`, { cause });
}

/** oneDNN "could not create a primitive" that it has described before: it got no memory to write the code to. */
const isOutOfMemory =
  /can't allocate memory|out[ _]of[ _]memory|not enough memory|std::bad_alloc|ALLOC_FAILED|^could not create a primitive$/i;
const isOfTheEngine = /^internal|INTERNAL ASSERT|(CUDA|cuDNN|NCCL|driver) error|CUBLAS_STATUS|CUSOLVER_STATUS/i;

/** What was asked for in vain, "64.0 MiB more were asked for", and what a GPU has, where libtorch says it. */
function shortage(reason: string): string {
  const [, bytes] = /tried to allocate (\d+) bytes/.exec(reason) ?? [];
  const [, amount = bytes && `${(Number(bytes) / 2 ** 20).toFixed(1)} MiB`] =
    /tried to allocate ([\d.]+ [KMGT]iB)/i.exec(reason) ?? [];
  const [, capacity, free] = /capacity of ([\d.]+ \w+) of which ([\d.]+ \w+) is free/.exec(reason) ?? [];
  const device = capacity ? `; the GPU has ${capacity}, ${free} of them free` : "";
  return amount ? `out of memory: ${amount} more were asked for${device}` : "out of memory";
}

const adviceFor = (reason: string): string =>
  reason.includes("not alive")
    ? "give one that is: return it from its scope, or take it out of all scopes with keep()"
    : "check the shapes, types and values that were given";

function describeValue(value: unknown): string {
  if (isTensor(value)) return value.isAlive ? `${value.dtype}[${value.shape.join(", ")}]` : "freed tensor";
  if (Array.isArray(value))
    return value.length > 4 ? `${value.length} values` : `[${value.map(describeValue).join(", ")}]`;
  return String(value);
}
