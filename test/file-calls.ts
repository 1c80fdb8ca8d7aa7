// The calls by which files are made, in their order, as node:fs is asked for them.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { relative } from "node:path";
import { vi } from "vitest";

const watched = ["openSync", "writeSync", "fsyncSync", "renameSync", "linkSync", "mkdirSync", "rmSync"] as const;

/** What `body` did below `folder`, such as `write a`, `fsync a`, `rename a b`; `.` is the folder, repeats are one, and the process number is PID. */
export function fileCallsOf(folder: string, body: () => void): string[] {
  const calls: string[] = [];
  const openFiles = new Map<number, string>();
  const nameOf = (place: unknown): string => {
    const path = typeof place === "number" ? openFiles.get(place) : String(place);
    const name = path === undefined ? "?" : relative(folder, path) || ".";
    return name.replaceAll(`.${process.pid}.`, ".PID.");
  };
  for (const name of watched) {
    const call = fs[name] as (...values: unknown[]) => unknown;
    vi.spyOn(fs, name).mockImplementation(((...values: unknown[]) => {
      const result = call(...values);
      if (name === "openSync") openFiles.set(result as number, String(values[0]));
      else calls.push(line(name, values, nameOf));
      return result;
    }) as never);
  }
  syncBuiltinESMExports();
  try {
    body();
  } finally {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  }
  return calls.filter((call, place) => call !== calls[place - 1]);
}

function line(name: string, [first, second]: unknown[], nameOf: (place: unknown) => string): string {
  const takesTwo = name === "renameSync" || name === "linkSync";
  return [name.replace("Sync", ""), nameOf(first), ...(takesTwo ? [nameOf(second)] : [])].join(" ");
}
