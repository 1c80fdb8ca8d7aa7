import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { bitsOf, scratchFolder, tinyData, tinySettings } from "../../../test/tiny-run.ts";
import { openDataset } from "../../data/index.ts";
import { type Method, methods } from "../../methods/index.ts";
import { type LogEvent, readLog } from "../../train/index.ts";
import { pretrain } from "../pretrain.ts";
import { pretrainInProcess, resumeInProcess } from "./pretrain.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const settings = { limit: 40 };
const recipe = tinySettings({ epochs: null });
const long = { steps: 100_000, limit: 40 };

test("a run in a process of its own ends with the bits of one in this process, and this one's event loop stays free", async () => {
  const [here, apart] = [scratch.next(), scratch.next()];
  await pretrain("shapes", settings, { out: here, recipe });
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  const events: LogEvent[] = [];
  const result = await pretrainInProcess("shapes", settings, {
    out: apart,
    recipe,
    onEvent: (event) => events.push(event),
  });
  clearInterval(ticking);
  expect(result).toMatchObject({ folder: apart, reason: "complete", step: 12, totalSteps: 12 });
  expect(bitsOf(apart)).toBe(bitsOf(here));
  expect(events).toEqual(readLog(apart));
  expect(ticks).toBeGreaterThan(50);
});

test("its signal stops it after a step, saved; resumed there over the same open pictures, it ends", async () => {
  const out = scratch.next();
  const stopping = new AbortController();
  const onEvent = ({ event, step }: LogEvent) => void (event === "step" && step === 3 && stopping.abort());
  const dataset = await openDataset("shapes", { limit: 40 });
  const { reason, step } = await pretrainInProcess(
    dataset,
    { steps: 100_000 },
    { out, recipe, signal: stopping.signal, onEvent },
  );
  expect([reason, step >= 3]).toEqual(["stopped", true]);
  const again = AbortSignal.abort();
  expect(await resumeInProcess(out, {}, { signal: again })).toMatchObject({ reason: "stopped", step: step + 1 });
});

test("pictures that a program made itself are sent", async () => {
  const out = scratch.next();
  expect(await pretrainInProcess(tinyData(), { steps: 2 }, { out, recipe })).toMatchObject({
    step: 2,
  });
});

test("what is refused there is thrown here, with its kind", async () => {
  const out = scratch.next();
  const refused = pretrainInProcess("no/such/folder", settings, { out, recipe });
  await expect(refused).rejects.toMatchObject({ name: "SelfsightError", kind: "data", message: /^opening no\/such/ });
  expect(existsSync(out)).toBe(false);
});

test("a method of the program's own cannot be sent", async () => {
  const own = { ...methods.simsiam, name: "own" } as unknown as Method;
  await expect(pretrainInProcess("shapes", { method: own })).rejects.toMatchObject({
    kind: "configuration",
    message: /method own is an object of this program/,
  });
});

test("a listener that throws ends the run, saved, with its own error", async () => {
  const out = scratch.next();
  const onEvent = ({ event }: LogEvent) => {
    if (event === "step") throw new Error("enough");
  };
  await expect(pretrainInProcess("shapes", long, { out, recipe, onEvent })).rejects.toThrow("enough");
  expect(readLog(out).at(-1)).toMatchObject({ event: "end", reason: "stopped" });
});

test("a process that is killed is said to be, with how to go on", async () => {
  const out = scratch.next();
  let isKilled = false;
  const onEvent = ({ event }: LogEvent) => {
    if (event === "step" && !isKilled) killTrainerOf(out);
    isKilled ||= event === "step";
  };
  await expect(pretrainInProcess("shapes", long, { out, recipe, onEvent })).rejects.toMatchObject({
    kind: "memory",
    message: /killed \(SIGKILL\).*go on with resume/,
  });
});

/** The only child of this process that has the run's log open. */
function killTrainerOf(folder: string): void {
  const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(process.pid)])
    .toString()
    .trim()
    .split(/\s+/);
  for (const pid of children) if (holdsOpen(pid, `${folder}/log.jsonl`)) process.kill(Number(pid), "SIGKILL");
}
const holdsOpen = (pid: string, file: string): boolean => {
  try {
    return execFileSync("ls", ["-l", `/proc/${pid}/fd`], { stdio: ["ignore", "pipe", "ignore"] })
      .toString()
      .includes(file);
  } catch {
    return false;
  }
};
