import { CallError } from "../errors.ts";
import { addon, type Handle, handlesOf } from "./addon.ts";

// Memory has one rule: tensors born inside `scope(fn)` are freed when it ends, except those that it returns. Finalizers are
// no part of it: they do not run inside a synchronous training step (measured: 3,000 of 3,000 objects stayed alive).

/** What a scope may own. */
export interface Owned {
  readonly handle: Handle;
}

const scopes: Set<Owned>[] = [];

/** Called for every tensor that is born; it belongs to the innermost scope, or to nobody outside of all scopes. */
export function registerBirth<T extends Owned>(tensor: T): T {
  scopes[scopes.length - 1]?.add(tensor);
  return tensor;
}

/** No argument where T is no promise; an argument that nobody has where it is one, so that an async function does not compile. */
export type RefusedPromise<T> = [T] extends [never]
  ? []
  : T extends PromiseLike<unknown>
    ? [refused: "await outside: it ends before the promise"]
    : [];

/**
 * Runs `body` and frees every tensor born in it, except those in its result (alone or in arrays, plain objects and maps),
 * which then belong to the scope around it. Synchronous only: a promise is refused, because the scope would end too early.
 */
export function scope<T>(body: () => T, ..._refused: RefusedPromise<T>): T {
  const born = new Set<Owned>();
  scopes.push(born);
  try {
    const result = body();
    refusePromise("scope", result);
    for (const tensor of tensorsIn(result)) if (born.delete(tensor)) scopes[scopes.length - 2]?.add(tensor);
    return result;
  } finally {
    scopes.pop();
    freeAll(born);
  }
}

/** Takes a tensor out of all scopes; it lives until `free()`. */
export function keep<T extends Owned>(tensor: T): T {
  for (const born of scopes) born.delete(tensor);
  return tensor;
}

/** Frees tensors now; freeing twice is harmless. */
export function freeAll(tensors: Iterable<Owned>): void {
  addon().free(handlesOf([...tensors]));
}

/** Live tensors of this thread: how many, the most at one time, and their bytes. */
export const liveTensors = () => addon().tensorCounts();

/**
 * Refuses a promise where a function's end is the end of what it was given. Nobody will wait for that promise: what becomes of it
 * must not end the process. Errors: configuration.
 */
export function refusePromise(name: string, result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== "function") return;
  Promise.resolve(result).catch(() => {});
  throw new CallError(
    `${name}: the function returned a promise; it must be done when it returns, before a promise is settled; await outside and call ${name} on the synchronous part`,
  );
}

function* tensorsIn(value: unknown): Generator<Owned> {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if ("handle" in value) yield value as Owned;
  else if (Array.isArray(value)) for (const element of value) yield* tensorsIn(element);
  else if (value instanceof Map) for (const element of value.values()) yield* tensorsIn(element);
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const element of Object.values(value)) yield* tensorsIn(element);
}
