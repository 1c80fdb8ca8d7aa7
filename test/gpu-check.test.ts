// The script of checks for a GPU, on the processor: that each result is written at once, and that no check takes more than its time.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { projectRoot } from "../setup/current.mjs";

const folder = mkdtempSync(join(tmpdir(), "selfsight-gpu-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

function check(...words: string[]) {
  const script = join(projectRoot, "bench", "gpu", "check.sh");
  const given = [script, "--dry", "--out", join(folder, "out"), "--python", "no-such-python", ...words];
  const { status, stdout, stderr } = spawnSync("bash", given, { encoding: "utf8" });
  const read = () =>
    readFileSync(join(folder, "out", "results.jsonl"), "utf8")
      .trim()
      .split("\n");
  return { status, stdout, stderr, results: () => read().map((line) => JSON.parse(line)) };
}

test("each check leaves a line and its output, and a peer that is not there is skipped", { timeout: 120_000 }, () => {
  const { status, results, stdout } = check(
    "--only",
    "doctor,views-32,resident-views,step-resnet18,step-resnet18-eager,profile,speedrun",
  );
  expect(status).toBe(0);
  expect(results().map(({ name, status: found }) => [name, found])).toEqual([
    ["doctor", "ok"],
    ["views-32", "ok"],
    ["resident-views", "ok"],
    ["step-resnet18", "ok"],
    ["step-resnet18-eager", "skipped"],
    ["profile", "ok"],
    ["speedrun", "ok"],
  ]);
  expect(results()[2].figure).toMatch(/^the same bits; two views of 16 pictures of 32: [\d.]+ ms .*, [\d.]+ ms so$/);
  expect(results()[3].figure).toMatch(/^[\d.]+, [\d.]+, [\d.]+ ms \(median, min, max\), \d+ images\/s$/);
  expect(results()[5].figure).toMatch(/^dataWait [\d.]+ ms, views .*, update [\d.]+ ms$/);
  // of a few held-out pictures by chance none may be right
  expect(results()[6].figure).toMatch(
    /^1 % kNN (reached|out of steps) after [\d.]+ s of training \([\d.]+ s with measuring\), best [\d.]+ % on held-out pictures; test [\d.]+ %$/,
  );
  expect(stdout).toMatch(/6 ok, 0 failed, 0 stopped, 1 skipped/);
  expect(readFileSync(join(folder, "out", "profile.txt"), "utf8")).toContain('"medianSeconds"');
});

test("a check that takes longer than is left is stopped, and what follows is not begun", { timeout: 60_000 }, () => {
  const { status, results } = check("--only", "verify,loss", "--seconds", "2");
  expect(status).toBe(1);
  expect(results()).toMatchObject([
    { name: "verify", status: "stopped", figure: "not done after 2 s" },
    { name: "loss", status: "skipped", figure: "no time was left" },
  ]);
  expect(results()[0].seconds).toBeLessThan(30); // verify alone takes longer than that
});

test("a name that is none of them is refused", () => {
  expect(check("--only", "speed")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("speed is none of doctor"),
  });
});
