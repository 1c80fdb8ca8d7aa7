// What becomes of a run of several processes when one of them is killed, stops, never comes, or finds what the others do not have.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { projectRoot } from "../setup/current.mjs";
import { freePort } from "../src/cli/processes/start.ts";
import { keyedStream } from "../src/random.ts";
import { type Member, startAllIn, startIn } from "./process-jobs.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-faults-"));
afterAll(() => rmSync(folder, { recursive: true }));

const small = [
  "--batch",
  "8",
  "--precision",
  "fp32",
  "--set",
  "limit=40",
  "--set",
  "width=8",
  "--set",
  "projector=16-16",
];
const quiet = ["--set", "knnEveryEpochs=0", "--set", "logEverySteps=1", "--deadline", "8"];

const start = (words: readonly string[], environment?: Record<string, string>) => startIn(folder, words, environment);
const startAll = (words: readonly string[], size: number) => startAllIn(folder, words, size);

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error("it did not happen within a minute");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const longRun = (name: string) => ["pretrain", "shapes", ...small, ...quiet, "--steps", "100000", "--out", name];
const isTraining = ({ output }: Member) => output().includes("step ");

interface Step {
  event: string;
  step: number;
  loss: number;
}

const lossesOf = (run: string): number[] =>
  readFileSync(join(folder, run, "log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Step)
    .filter(({ event }) => event === "step")
    .map(({ loss }) => loss);

describe("a process of several that", () => {
  it("is killed ends the others with its name, exit code 7, and the run resumes in another number", async () => {
    const [first, second, third] = (await startAll(longRun("killed"), 3)) as [Member, Member, Member];
    await until(() => isTraining(first));
    third.child.kill("SIGKILL");
    expect(await Promise.all([first.end, second.end])).toEqual([7, 7]);
    expect(first.output()).toMatch(/process 2 \(.*, process \d+\) ended or did not answer/);
    expect(second.output()).toMatch(/process 2 \(.*, process \d+\) ended or did not answer/);
    const alone = start(["pretrain", "--resume", "killed", "--steps", "3", "--json"]);
    expect([await alone.end, alone.output()]).toEqual([0, expect.stringContaining('"complete"')]);
  }, 120_000);

  it("leads and is killed ends the others, who say that the meeting place is gone", async () => {
    const [first, second] = (await startAll(longRun("headless"), 2)) as [Member, Member];
    await until(() => isTraining(first));
    first.child.kill("SIGKILL");
    expect(await second.end).toBe(7);
    expect(second.output()).toMatch(/process 0, which keeps the meeting place, is gone/);
  }, 120_000);

  it("stands still ends the others after the deadline, with its name", async () => {
    const [first, second] = (await startAll(longRun("still"), 2)) as [Member, Member];
    await until(() => isTraining(first));
    second.child.kill("SIGSTOP");
    expect(await first.end).toBe(7);
    expect(first.output()).toMatch(
      /process 1 \(.*, process \d+\) ended or did not answer; all of them are needed, each within the deadline of 8 s/,
    );
    second.child.kill("SIGKILL");
    await second.end;
  }, 120_000);

  it("never comes ends the others after the deadline, with its name", async () => {
    const MASTER_PORT = String(await freePort());
    const place = { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT };
    const first = start(["pretrain", "shapes", ...small, "--steps", "2", "--deadline", "3", "--out", "absent"], place);
    expect(await first.end).toBe(7);
    expect(first.output()).toMatch(/2 processes: process 1 did not come within 3 s/);
  }, 60_000);
});

/** The environment of process `rank` of two, as each starter writes it. */
const starters: Record<string, (rank: number, port: string) => Record<string, string>> = {
  "torchrun, whose agent keeps the meeting place": (rank, MASTER_PORT) => ({
    RANK: `${rank}`,
    LOCAL_RANK: `${rank}`,
    WORLD_SIZE: "2",
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT,
    TORCHELASTIC_USE_AGENT_STORE: "True",
    TORCHELASTIC_RESTART_COUNT: "1",
    TORCHELASTIC_RUN_ID: "none",
  }),
  "srun of Slurm": (rank, MASTER_PORT) => ({
    SLURM_PROCID: `${rank}`,
    SLURM_LOCALID: `${rank}`,
    SLURM_NTASKS: "2",
    SLURM_JOB_ID: "77",
    SLURM_STEP_ID: "0",
    SLURM_STEP_NODELIST: "localhost",
    MASTER_PORT,
  }),
  "a TrainJob of Kubernetes": (rank, PET_MASTER_PORT) => ({
    PET_NODE_RANK: `${rank}`,
    PET_NNODES: "2",
    PET_NPROC_PER_NODE: "auto",
    PET_MASTER_ADDR: "localhost",
    PET_MASTER_PORT,
  }),
  "a JobSet of Kubernetes": (rank, MASTER_PORT) => ({
    JOB_COMPLETION_INDEX: `${rank}`,
    WORLD_SIZE: "2",
    MASTER_ADDR: "localhost",
    MASTER_PORT,
  }),
};

it.each(Object.entries(starters))(
  "trains in two processes under %s",
  async (name, environmentOf) => {
    const port = String(await freePort());
    const keeper = name.includes("agent") ? keepMeeting(port) : undefined;
    const out = `under-${Object.keys(starters).indexOf(name)}`;
    const words = ["pretrain", "shapes", ...small, ...quiet, "--steps", "2", "--out", out, "--json"];
    const members = [0, 1].map((rank) => start(words, environmentOf(rank, port)));
    const codes = await Promise.all(members.map(({ end }) => end));
    keeper?.kill();
    expect([codes, members.map(({ output }) => output().includes('"complete"'))]).toEqual([
      [0, 0],
      [true, false],
    ]);
    expect(lossesOf(out)).toHaveLength(2);
  },
  120_000,
);

/** What torchrun's agent does beside starting processes. */
function keepMeeting(port: string): ChildProcess {
  const program = `const { openMeeting } = await import("./dist/torch/index.js");
globalThis.meeting = openMeeting("127.0.0.1", ${port}, true, 10000);
setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ["--input-type=module", "-e", program], { cwd: projectRoot, stdio: "inherit" });
}

async function drawFolder(path: string, count: number): Promise<void> {
  mkdirSync(path, { recursive: true });
  const next = keyedStream(count);
  for (let i = 0; i < count; i++) {
    const pixels = Uint8Array.from({ length: 3 * 20 * 20 }, () => 256 * next());
    await sharp(pixels, { raw: { width: 20, height: 20, channels: 3 } })
      .png()
      .toFile(join(path, `${i}.png`));
  }
}

it("says once why several processes ended", async () => {
  const run = start(["pretrain", "nowhere", "--processes", "3"]);
  expect(await run.end).toBe(3);
  expect(run.output().match(/opening nowhere/g)).toHaveLength(1);
}, 60_000);

it("names the port that process 0 cannot have", async () => {
  const port = await freePort();
  const taken = createServer().listen(port);
  const place = { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${port}` };
  const run = start(["pretrain", "shapes", "--deadline", "3"], place);
  expect(await run.end).toBe(7);
  expect(run.output()).toMatch(new RegExp(`cannot listen on 127.0.0.1:${port} .*choose another MASTER_PORT`));
  taken.close();
}, 60_000);

it("leaves out in all processes a picture that one of them cannot read, as one process does", async () => {
  const photos = join(folder, "photos");
  await drawFolder(photos, 30);
  for (const name of ["4.png", "17.png", "23.png"]) writeFileSync(join(photos, name), "no picture");
  const words = (out: string) => ["pretrain", photos, ...small, ...quiet, "--size", "16", "--steps", "7", "--out", out];
  const [alone, together] = [start(words("bad-1")), start([...words("bad-3"), "--processes", "3"])];
  expect(await Promise.all([alone.end, together.end])).toEqual([0, 0]);
  for (const [i, loss] of lossesOf("bad-1").entries()) expect(lossesOf("bad-3")[i]! / loss).toBeCloseTo(1, 4);
  expect(together.output().match(/no picture|left out/g)?.length).toBe(
    alone.output().match(/no picture|left out/g)?.length,
  );
}, 120_000);

it("stopped in one process it stops in all, saved, and one process goes on as if it had always been alone", async () => {
  const words = (out: string, steps: number) => [
    "pretrain",
    "shapes",
    ...small,
    ...quiet,
    "--steps",
    `${steps}`,
    "--out",
    out,
  ];
  const whole = start(words("whole", 6));
  const [first, second] = (await startAll(longRun("halted"), 2)) as [Member, Member];
  await until(() => isTraining(first));
  second.child.kill("SIGTERM");
  expect(await Promise.all([first.end, second.end])).toEqual([143, 143]);
  expect(first.output()).toContain("stopped on request and saved");
  expect(await whole.end).toBe(0);
  const half = start([...words("half", 3), "--processes", "2"]);
  expect(await half.end).toBe(0);
  const rest = start(["pretrain", "--resume", "half", "--steps", "6"]);
  expect(await rest.end).toBe(0);
  expect(lossesOf("half")).toHaveLength(6);
}, 120_000);
