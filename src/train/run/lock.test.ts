import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, expect, it } from "vitest";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { SelfsightError } from "../../errors.ts";
import { lockRunFolder, refuseLockedFolder } from "./lock.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const rival = fileURLToPath(new URL("../../../test/lock-rival.mjs", import.meta.url));

let folder = "";
beforeEach(() => {
  folder = scratch.next();
  mkdirSync(folder);
});

const forge = (owner: unknown) =>
  writeFileSync(join(folder, "lock.7"), typeof owner === "string" ? owner : JSON.stringify(owner));
const started = () => readFileSync("/proc/self/stat", "utf8").split(") ")[1]!.split(" ")[19]!;
const own = () => ({ pid: process.pid, host: hostname(), started: started(), since: "2026-01-01T00:00:00.000Z" });

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
  ["another process that got the same pid", () => ({ ...own(), started: "1" })],
  ["nobody: it is empty", () => ""],
  ["nobody: it is cut off", () => JSON.stringify(own()).slice(0, 20)],
  ["nobody: it holds something else", () => "[1, 2]"],
])("is taken over from %s", (_, owner) => {
  forge(owner());
  refuseLockedFolder(folder);
  lockRunFolder(folder)();
  expect(readdirSync(folder)).toEqual([]);
});

it("is not taken from another host, whose processes cannot be seen", () => {
  forge({ ...own(), host: "elsewhere", pid: 2 ** 22 + 1 });
  expect(refusalOf(() => lockRunFolder(folder)).message).toContain("on elsewhere has been training since 2026-01-01");
  expect(readdirSync(folder)).toEqual(["lock.7"]);
});

it("does not remove the lock of somebody else when it lets go", () => {
  const unlock = lockRunFolder(folder);
  writeFileSync(join(folder, "lock.1"), JSON.stringify({ ...own(), host: "elsewhere" }));
  unlock();
  expect(readdirSync(folder)).toEqual(["lock.1"]);
});

it("has exactly one winner when many take over a stale lock at the same moment", async () => {
  const rounds = 40;
  for (let round = 0; round < rounds; round++) {
    mkdirSync(join(folder, String(round)));
    writeFileSync(join(folder, String(round), "lock.3"), JSON.stringify({ ...own(), started: "1" }));
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
