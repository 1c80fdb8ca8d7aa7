// Who holds a run's folder: the text in its lock file, for people and for the rules between machines.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { displayName } from "../../errors.ts";

export interface Owner {
  pid: number;
  host: string;
  /** The kernel's own name for this start of the machine; containers of one machine share it. Empty where it cannot be known. */
  boot: string;
  /** Process numbers are counted anew in each namespace; for people who look for the process. */
  pidNamespace: string;
  /** When the lock was taken; for people. */
  since: string;
}

export const ownOwner = (): Owner => ({
  pid: process.pid,
  host: hostname(),
  boot: quietly(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
  pidNamespace: quietly(() => readlinkSync("/proc/self/ns/pid")),
  since: new Date().toISOString(),
});

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** Undefined for what is no text of ours; such a file says nothing of anybody. */
export function ownerFrom(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Owner | null;
    return Number.isInteger(owner?.pid) && typeof owner?.host === "string" ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the kernel that was asked for the lock is the one under which this owner ran: then its answer is the truth. */
export const isOfThisBoot = ({ boot }: Owner): boolean => boot !== "" && boot === ownOwner().boot;

/** Whether its process number means the same process here. */
export const isOfThisNamespace = ({ pidNamespace }: Owner): boolean => pidNamespace === ownOwner().pidNamespace;

export function described(owner: Owner): string {
  const elsewhere =
    owner.pidNamespace && owner.pidNamespace !== ownOwner().pidNamespace ? ", in another container" : "";
  return `process ${owner.pid} on ${displayName(owner.host)}${elsewhere} has been training since ${displayName(owner.since)}`;
}
