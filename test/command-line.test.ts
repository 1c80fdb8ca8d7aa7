// What the command line answers where something is wrong: to people, to machines, to a full disk.
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const selfsight = join(fileURLToPath(new URL("..", import.meta.url)), "bin/selfsight.mjs");
const run = (...given: string[]) => spawnSync(process.execPath, [selfsight, ...given], { encoding: "utf8" });

it.each([
  ["an option that there is not", ["doctor", "--jsn"], "configuration", 2, /^unknown option '--jsn'/],
  ["an option too few", ["evaluate", "knn"], "configuration", 2, /^required option '--data/],
  [
    "a run that is not there",
    ["evaluate", "knn", "nowhere", "--data", "shapes"],
    "checkpoint",
    5,
    /nowhere is not there/,
  ],
] as const)("--json tells a machine of %s", (_, given, kind, exitCode, message) => {
  const { stdout, stderr, status } = run(...given, "--json");
  expect(status).toBe(exitCode);
  expect(JSON.parse(stdout)).toEqual({ error: { kind, message: expect.stringMatching(message), exitCode } });
  expect(stderr).toMatch(/\S/); // people read it too
});

it("leads a person to the help of the command that was meant", () => {
  expect(run("embed", "a", "b", "--uot", "c").stderr).toContain("(see `selfsight embed --help`)");
});

it("says what the exit codes mean", () => {
  expect(run("--help").stdout).toContain("4 storage");
});

it("does not end with 0 when its result is lost", () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(process.execPath, [selfsight, "doctor", "--json"], {
    encoding: "utf8",
    stdio: ["ignore", full, "pipe"],
  });
  closeSync(full);
  expect([status, stderr]).toEqual([4, expect.stringContaining("what was printed is not complete")]);
});

const inFolderThatIsGone = (...words: string[]) =>
  spawnSync("bash", ["-c", 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$@"', "bash", process.execPath, ...words], {
    encoding: "utf8",
  });

it("says so where the current folder is gone, before anything is loaded that would end the process", () => {
  const { status, stderr } = inFolderThatIsGone(selfsight, "doctor");
  expect([status, stderr]).toEqual([
    4,
    expect.stringMatching(/^selfsight: start: the current folder was deleted; .*cd/),
  ]);
});

it("tells a program so too, by an error that it can catch", () => {
  const library = join(fileURLToPath(new URL("..", import.meta.url)), "dist/torch/index.js");
  const program = `import(${JSON.stringify(library)}).then(({ zeros }) => zeros([1])).catch((error) => console.log(error.kind, error.message))`;
  expect(inFolderThatIsGone("-e", program)).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^storage engine: the current folder was deleted/),
  });
});
