// Who trains in a run's folder, without a lock of one's own: the kernel lists who holds which.
import { readFileSync, readlinkSync } from "node:fs";
import { bytesAt, objectFrom, withFile } from "./open-inside.ts";

export interface Owner {
  pid: number;
  host: string;
  since: string;
  /** Whether it is a process that this one can see: only such a one can be sent a signal. */
  isHere: boolean;
}

/** An owner of another machine that has not touched its file for so long is taken for dead, as by the run itself. */
const silenceOfTheDeadMs = 180_000;

/** Who trains there now, or undefined. */
export const ownerOf = (folder: string): Owner | undefined =>
  withFile(folder, "lock", ({ file, stats }) => {
    const text = objectFrom(bytesAt(file, 0, Math.min(stats.size, 4096)).toString("utf8"));
    if (typeof text?.pid !== "number" || typeof text.host !== "string") return undefined;
    const isHere = text.boot !== "" && text.boot === ownBoot && text.pidNamespace === ownNamespace;
    const isAtWork = isHere ? kernelHolds(stats.ino) : undefined;
    if (!(isAtWork ?? Date.now() - stats.mtimeMs < silenceOfTheDeadMs)) return undefined;
    return { pid: text.pid, host: text.host, since: String(text.since), isHere };
  });

/** Whether a lock on this file stands in the kernel's list; undefined where there is no list. */
function kernelHolds(inode: number): boolean | undefined {
  const list = quietly(() => readFileSync("/proc/locks", "utf8"));
  return list === "" ? undefined : new RegExp(`:${inode} `).test(list);
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

const ownBoot = quietly(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
const ownNamespace = quietly(() => readlinkSync("/proc/self/ns/pid"));
