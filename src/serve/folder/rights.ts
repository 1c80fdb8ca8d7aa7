import { accessSync, constants, statSync } from "node:fs";

/** Whether this user owns the folder and may write there: root, who may write anywhere, steers no runs of others. */
export function isOwn(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return process.getuid === undefined || statSync(folder).uid === process.getuid();
  } catch {
    return false;
  }
}
