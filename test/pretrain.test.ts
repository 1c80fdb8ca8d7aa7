// The command as a person runs it: what it says, how it ends, what it leaves.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLog } from "../src/train/run/log.ts";
import { scratchFolder } from "./tiny-run.ts";

const command = fileURLToPath(new URL("../bin/selfsight.mjs", import.meta.url));
const scratch = scratchFolder();
afterAll(scratch.remove);

const small = [
  "--batch",
  "16",
  "--size",
  "16",
  "--set",
  "limit=80",
  "--set",
  "width=4",
  "--set",
  "projector=16-16",
  "--set",
  "knnEveryEpochs=0",
  "--set",
  "warmupEpochs=1",
  "--precision",
  "fp32",
];
const env = { ...process.env, OMP_NUM_THREADS: "1", NO_COLOR: "1" };

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function start(words: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [command, "pretrain", ...words], { env });
  const text = { out: "", err: "" };
  child.stdout.on("data", (piece) => (text.out += piece));
  child.stderr.on("data", (piece) => (text.err += piece));
  const ended = new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ code, ...text })));
  return { child, ended };
}

const run = (...words: string[]): Promise<Ended> => start(words).ended;

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("it did not come to that in 20 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const stepsLogged = (folder: string) => readLog(folder).filter(({ event }) => event === "step").length;
const bitsOf = (folder: string) => {
  const [newest] = readdirSync(join(folder, "checkpoints"))
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .reverse();
  return JSON.stringify(
    (JSON.parse(readFileSync(join(folder, "checkpoints", newest!, "state.json"), "utf8")) as { files: unknown }).files,
  );
};

const whole = scratch.next();
beforeAll(async () => {
  const { code, out } = await run("shapes", "--steps", "24", ...small, "--out", whole);
  expect(code, out).toBe(0);
});

describe("signals", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends the run after the step, saved, with exit %i and the way on", async (signal, exitCode) => {
    const folder = scratch.next();
    const { child, ended } = start(["shapes", "--steps", "24", ...small, "--out", folder]);
    await until(() => stepsLogged(folder) >= 3);
    child.kill(signal);
    const { code, out } = await ended;
    expect(code).toBe(exitCode);
    expect(out).toContain("stopping after this step");
    expect(out).toContain(`stopped on request and saved; go on with: selfsight pretrain --resume ${folder}`);
    expect(readdirSync(folder).sort()).toEqual(["checkpoints", "control", "log.jsonl", "observations", "run.json"]);
    if (signal !== "SIGINT") return; // once is enough
    expect(await run("--resume", folder)).toMatchObject({
      code: 0,
      out: expect.stringContaining("going on from step"),
    });
    expect(bitsOf(folder)).toBe(bitsOf(whole));
  });

  it("a second one ends it at once, what was saved stays", async () => {
    const folder = scratch.next();
    const { child, ended } = start([
      "shapes",
      "--steps",
      "100000",
      ...small,
      "--set",
      "checkpointEverySteps=2",
      "--out",
      folder,
    ]);
    await until(() => stepsLogged(folder) >= 5);
    child.kill("SIGINT");
    child.kill("SIGTERM");
    expect([130, 143]).toContain((await ended).code);
    const { code } = await run("--resume", folder, "--set", "seed=1"); // refused, but only after the folder was found in order
    expect(code).toBe(2);
  });
});

it("goes on when nobody reads its output any more", async () => {
  const folder = scratch.next();
  const pipeline = `"${process.execPath}" "${command}" pretrain shapes --steps 24 ${small.join(" ")} --out "${folder}" | head -1`;
  const { stdout } = spawnSync("bash", ["-c", `set -o pipefail; ${pipeline}; echo "exit \${PIPESTATUS[0]}"`], {
    encoding: "utf8",
    env,
  });
  expect(stdout).toMatch(/^shapes: 80 images, 24 steps of which 5 make an epoch.*\nexit 0\n$/);
  expect(bitsOf(folder)).toBe(bitsOf(whole));
});

describe("a folder that is taken", () => {
  it("is refused in a second while another process trains there", async () => {
    const folder = scratch.next();
    const { child, ended } = start(["shapes", "--steps", "100000", ...small, "--out", folder]);
    await until(() => stepsLogged(folder) >= 1);
    for (const words of [
      ["--resume", folder],
      ["shapes", ...small, "--out", folder],
    ]) {
      const { code, err } = await run(...words);
      expect(code).toBe(2);
      expect(err).toMatch(new RegExp(`process ${child.pid} on .* has been training since 20\\d\\d-`));
    }
    child.kill("SIGKILL");
    await ended;
    expect((await run("--resume", folder, "--set", "seed=1")).err).toContain("seed 0 -> 1"); // no lock in the way
  });

  it("is refused when it holds a run, and when it holds none to resume", async () => {
    expect(await run("shapes", ...small, "--out", whole)).toMatchObject({
      code: 2,
      err: expect.stringContaining("holds a run already"),
    });
    expect(await run("--resume", scratch.next())).toMatchObject({
      code: 5,
      err: expect.stringContaining("no run.json in"),
    });
  });
});

it("says so and ends well when a complete run is resumed", async () => {
  const before = bitsOf(whole);
  expect(await run("--resume", whole)).toMatchObject({
    code: 0,
    out: expect.stringContaining("already complete: all 24 steps were done"),
  });
  expect(bitsOf(whole)).toBe(before);
});

it("uses the checkpoint before when the newest is damaged, says it, and keeps the damaged one", async () => {
  const folder = scratch.next();
  await run("shapes", "--steps", "24", ...small, "--set", "checkpointEverySteps=5", "--out", folder);
  truncateSync(join(folder, "checkpoints", "step-0000024", "model.safetensors"), 100);
  const { code, err, out } = await run("--resume", folder);
  expect([code, out.includes("going on from step 20")]).toEqual([0, true]);
  expect(err).toMatch(/warning: load .*step-0000024\/model\.safetensors: it has 100 bytes, \d+ were written/);
  expect(readdirSync(join(folder, "checkpoints")).filter((name) => name.includes("aside"))).toHaveLength(1);
  expect(bitsOf(folder)).toBe(bitsOf(whole));
  for (const name of readdirSync(join(folder, "checkpoints"))) rmSync(join(folder, "checkpoints", name, "state.json"));
  expect(await run("--resume", folder)).toMatchObject({
    code: 5,
    err: expect.stringContaining("no whole checkpoint in"),
  });
});

it("begins with another run's weights and says what it took of them", async () => {
  const folder = scratch.next();
  const { code, err } = await run("shapes", "--steps", "2", ...small, "--from", whole, "--out", folder);
  expect([code, err]).toEqual([
    0,
    expect.stringContaining(`begins with backbone, projector of ${whole} (barlow-twins, step 24)`),
  ]);
  expect(await run("--from", whole, "--resume", folder)).toMatchObject({ code: 2 });
});

it("gives a complete run another length and says both ends and both rates", async () => {
  const folder = scratch.copyOf(whole);
  const { code, out } = await run("--resume", folder, "--steps", "26");
  expect(out).toMatch(
    /the run ended at step 24 and now ends at step 26: from step 24 on the learning rate follows the schedule of a run of that length, 0\.0\d+ here, where it was 0\.000\d+\n/,
  );
  expect([code, stepsLogged(folder)]).toEqual([0, 26]);
  expect(await run("--resume", folder, "--epochs", "5")).toMatchObject({
    code: 2,
    err: expect.stringContaining("5 epochs make 25 steps, and 26 are done; as many or more are needed"),
  });
});

describe("pictures that changed", () => {
  it("are refused with counts and names, unless they are accepted", async () => {
    const pictures = scratch.next();
    mkdirSync(pictures);
    const picture = (i: number) =>
      sharp({ create: { width: 20 + i, height: 20, channels: 3, background: { r: 9 * i, g: 99, b: 99 } } })
        .png()
        .toBuffer();
    for (let i = 0; i < 20; i++) writeFileSync(join(pictures, `${i}.png`), await picture(i));
    const folder = scratch.next();
    const first = start([pictures, "--steps", "4", "--batch", "8", ...small.slice(2), "--out", folder]);
    expect((await first.ended).code).toBe(0);
    const later = new Date(Date.now() + 5000);
    utimesSync(join(pictures, "7.png"), later, later);
    const touched = /warning: resume: 1 of 20 pictures was written at another time .*\(7\.png\); .*the run goes on/;
    expect(await run("--resume", folder)).toMatchObject({ code: 0, err: expect.stringMatching(touched) });
    expect(await run("--resume", folder)).toMatchObject({ code: 0, err: expect.not.stringMatching("another time") });
    rmSync(join(pictures, "3.png"));
    writeFileSync(join(pictures, "new.png"), await picture(30));
    writeFileSync(join(pictures, "5.png"), Buffer.concat([await picture(5), Buffer.from("x")]));
    const { code, err } = await run("--resume", folder);
    expect(code).toBe(5);
    expect(err).toMatch(
      /20 images now, 20 then: 1 new \(new\.png\), 1 gone \(3\.png\), 1 of another size \(5\.png\); fingerprint .* --accept-dataset-change/,
    );
    expect((await run("--resume", folder, "--accept-dataset-change")).code).toBe(0);
  });
});

describe("a command line that cannot be", () => {
  const empty = scratch.next();
  beforeAll(() => mkdirSync(empty));
  it.each<[string[], number, RegExp]>([
    [["shapes", "--epochs", "abc"], 2, /--epochs.*abc.*whole number/s],
    [["shapes", "--epohcs", "3"], 2, /unknown option '--epohcs'[\s\S]*Did you mean --epochs/],
    [["shapes", "--epochs", "1", "--steps", "1"], 2, /--steps.*cannot be used with.*--epochs/],
    [["shapes", "--batch", "1"], 2, /batchSize 1; Barlow Twins needs at least 2; raise --batch/],
    [["shapes", "--set", "limit=20", "--batch", "32"], 3, /shapes has 20 images, a batch takes 32; .*use --batch 20/],
    [["shapes", "--device", "cuda:99"], 2, /device: cuda:99 was asked for; this libtorch reaches \d+ GPUs/],
    [["shapes", "--recipe", "shape"], 2, /recipe: shape; .* Did you mean shapes\?/],
    [["shapes", "--set", "lamda=1"], 2, /lamda: no such setting of barlow-twins; .* Did you mean lambda\?/],
    [["no-such-folder"], 3, /opening no-such-folder: neither a folder, an archive or a list here/],
    [[], 2, /no pictures were named/],
  ])("%j: exit %i", async (words, exitCode, sentence) => {
    const { code, err } = await run(...words, ...(words.length > 0 ? ["--out", join(empty, "never")] : []));
    expect(err).toMatch(sentence);
    expect(code).toBe(exitCode);
    expect(err).not.toMatch(/\n\s+at /);
    expect(existsSync(join(empty, "never"))).toBe(false);
  });

  it("is an empty folder", async () => {
    expect(await run(empty, "--out", join(empty, "never"))).toMatchObject({ code: 3 });
  });
});
