// What another user's files look like from here: a loader says "not found" where it may not look.
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { displayName, SelfsightError } from "../errors.ts";

/** Errors: configuration, when this user may not read `path`, naming the outermost part that is closed. A missing file is another's matter. */
export function refuseUnreadable(path: string): void {
  if (!isDenied(path, constants.R_OK)) return;
  const closed = closedPart(path);
  const wanted = closed === path ? "" : `, where ${displayName(path)} is`;
  throw new SelfsightError(
    "configuration",
    `engine: no permission to read ${displayName(closed)}${wanted}; this user must be able to read it; change its permissions, or set SELFSIGHT_LIBTORCH to a libtorch that this user may read and run \`npx selfsight setup\``,
  );
}

/** The outermost part of a path that is closed. */
function closedPart(path: string): string {
  const above = dirname(path);
  return isDenied(above, constants.X_OK) ? closedPart(above) : path;
}

function isDenied(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EACCES";
  }
}
