import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { SelfsightError } from "../../errors.ts";
import { lockRunFolder, refuseLockedFolder, silenceOfTheDeadMs } from "./lock.ts";
import { ownOwner } from "./lock-owner.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const rival = fileURLToPath(new URL("../../../test/lock-rival.mjs", import.meta.url));

let folder = "";
beforeEach(() => {
  folder = scratch.next();
  mkdirSync(folder);
});

const lock = () => join(folder, "lock");
const forge = (owner: unknown) => writeFileSync(lock(), typeof owner === "string" ? owner : JSON.stringify(owner));
const own = () => ({ ...ownOwner(), since: "2026-01-01T00:00:00.000Z" });

function refusalOf(body: () => unknown): SelfsightError {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(SelfsightError);
    return error as SelfsightError;
  }
  throw new Error("nothing was thrown");
}

it("gives the folder to one, and to the next when it is let go", () => {
  const unlock = lockRunFolder(folder);
  const error = refusalOf(() => lockRunFolder(folder));
  expect(error.exitCode).toBe(2);
  expect(error.message).toMatch(
    new RegExp(`process ${process.pid} on ${hostname()} has been training since 20\\d\\d-.*Z in `),
  );
  expect(refusalOf(() => refuseLockedFolder(folder)).message).toBe(error.message);
  unlock();
  expect(readdirSync(folder)).toEqual([]);
  lockRunFolder(folder)();
});

it.each([
  ["a process that is gone", () => ({ ...own(), pid: 2 ** 22 + 1 })],
  ["a container of this machine that came back under another name", () => ({ ...own(), host: "elsewhere", pid: 1 })],
  ["a living process that does not hold it", () => own()],
  ["nobody: it is empty", () => ""],
  ["nobody: it is cut off", () => JSON.stringify(own()).slice(0, 20)],
  ["nobody: it holds something else", () => "[1, 2]"],
])("is taken over from %s", (_, owner) => {
  forge(owner());
  refuseLockedFolder(folder);
  lockRunFolder(folder)();
  expect(readdirSync(folder)).toEqual([]);
});

describe("from another machine", () => {
  const silentFor = (seconds: number) => {
    forge({ ...own(), host: "elsewhere", boot: "another" });
    utimesSync(lock(), new Date(), Date.now() / 1000 - seconds);
  };

  it("is not taken while its owner shows signs of life, and the wait is said", () => {
    silentFor(30);
    const { message, exitCode } = refusalOf(() => lockRunFolder(folder));
    expect(message).toMatch(/on elsewhere has been training since 2026-01-01.* is 3[01] s old.*try again in 1[45]\d s/);
    expect(exitCode).toBe(2);
    expect(refusalOf(() => refuseLockedFolder(folder)).message).toContain("--take-over");
    expect(readdirSync(folder)).toEqual(["lock"]);
  });

  it("is taken when a person says so", () => {
    silentFor(30);
    refuseLockedFolder(folder, { takeOver: true });
    lockRunFolder(folder, { takeOver: true })();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is taken when its owner has long been silent", () => {
    silentFor(silenceOfTheDeadMs / 1000 + 5);
    lockRunFolder(folder)();
    expect(readdirSync(folder)).toEqual([]);
  });
});

it("names the owner's machine, start and namespace in its text", () => {
  const unlock = lockRunFolder(folder);
  expect(JSON.parse(readFileSync(lock(), "utf8"))).toMatchObject({
    pid: process.pid,
    boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    pidNamespace: expect.stringMatching(/^pid:\[\d+\]$/),
  });
  unlock();
});

it("does not remove the file of somebody else when it lets go", () => {
  const unlock = lockRunFolder(folder);
  rmSync(lock());
  forge("another's");
  unlock();
  expect(readFileSync(lock(), "utf8")).toBe("another's");
});

it("is no trap: what is no regular file is refused", () => {
  execFileSync("mkfifo", [lock()]);
  expect(refusalOf(() => lockRunFolder(folder)).message).toContain("is no regular file");
});

/** A child that holds the folder and says so. */
async function holder(...before: string[]): Promise<ChildProcess> {
  mkdirSync(join(folder, "0"));
  const [command, ...given] = [...before, process.execPath, rival, folder, "1", "0"];
  const child = spawn(command!, given, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  expect(await messageOf(child)).toEqual([0]);
  return child;
}
const held = () => join(folder, "0");

it("is free at once when its owner was killed, even where nobody collects the dead", async () => {
  const child = await holder("sh", "-c", '"$@" & exec sleep 60', "sh"); // sleep never waits for its child: a zombie
  const { pid } = JSON.parse(readFileSync(join(held(), "lock"), "utf8")) as { pid: number };
  try {
    expect(refusalOf(() => lockRunFolder(held())).message).toContain(`process ${pid} on`);
    process.kill(pid, "SIGKILL");
    lockRunFolder(held())();
    expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toContain(") Z ");
  } finally {
    child.kill();
  }
});

const unshare = ["unshare", "-p", "-f", "--mount-proc"];
const hasNamespaces = spawnSync(unshare[0]!, [...unshare.slice(1), "true"]).status === 0;

it.skipIf(!hasNamespaces)("holds between containers that cannot see each other's processes", async () => {
  const child = await holder(...unshare);
  try {
    expect(refusalOf(() => lockRunFolder(held())).message).toContain("in another container has been training");
  } finally {
    child.kill("SIGKILL");
  }
});

it("has exactly one winner when many take over a stale lock at the same moment", async () => {
  const rounds = 4;
  for (let round = 0; round < rounds; round++) {
    mkdirSync(join(folder, String(round)));
    writeFileSync(join(folder, String(round), "lock"), JSON.stringify(own()));
  }
  const begin = Date.now() + 3000;
  const rivals = Array.from({ length: 3 }, () => fork(rival, [folder, String(rounds), String(begin)]));
  const wins = await Promise.all(rivals.map(messageOf));
  for (const child of rivals) child.kill(); // all lived until now: a dead winner's lock may be taken
  for (let round = 0; round < rounds; round++)
    expect(
      wins.filter((won) => won.includes(round)),
      `round ${round}`,
    ).toHaveLength(1);
});

const messageOf = (child: ChildProcess) =>
  new Promise<number[]>((resolve, reject) => {
    child.once("message", (won) => resolve(won as number[]));
    child.once("exit", (code) => reject(new Error(`a rival ended with ${code}`))); // without effect after its message
  });
