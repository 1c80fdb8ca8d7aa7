// A disk that fills up, and folders that may not be written to. Needs root and the right to mount; skipped where there is neither.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { threads } from "../src/torch/index.ts";
import { type LogEvent, loadNewestCheckpoint, readLog } from "../src/train/index.ts";
import { bitsOf, newTinyRun, scratchFolder, stopAfter, tinySettings, trainTiny } from "./tiny-run.ts";

const command = fileURLToPath(new URL("../bin/selfsight.mjs", import.meta.url));
const scratch = scratchFolder();
afterAll(scratch.remove);

const mounted: string[] = [];
const mount = (...words: string[]) => spawnSync("mount", words).status === 0;

function mountedDisk(size: string): string {
  const folder = scratch.next();
  mkdirSync(folder);
  if (!mount("-t", "tmpfs", "-o", `size=${size}`, "none", folder)) throw new Error("not mounted");
  mounted.push(folder);
  return folder;
}

const unmountAll = () => {
  for (const folder of mounted.splice(0)) execFileSync("umount", ["-l", folder]);
};

function canMount(): boolean {
  try {
    mountedDisk("64k");
    return true;
  } catch {
    return false;
  } finally {
    unmountAll();
  }
}

describe.skipIf(!canMount())("a full disk (needs the right to mount)", () => {
  let folder = "";
  let ballast = "";
  beforeAll(() => void threads(1));
  beforeEach(() => {
    const disk = mountedDisk("4m");
    folder = join(disk, "run");
    ballast = join(disk, "ballast");
  });
  afterEach(unmountAll);

  /** Takes all the room that is left. */
  function fill(): void {
    for (let size = 1 << 20; size >= 1; size >>= 1)
      try {
        for (;;) writeFileSync(ballast, Buffer.alloc(size), { flag: "a" });
      } catch {}
  }

  const settings = tinySettings({ checkpointEverySteps: 2, steps: 12, keepCheckpoints: 2 });
  const warnings = (events: LogEvent[]) =>
    events.flatMap((event) => (event.event === "warning" ? [event.message] : []));

  it("is a warning on the way; the run goes on, saves when there is room again, and ends with the same bits", async () => {
    const whole = scratch.next();
    newTinyRun(whole, settings);
    await trainTiny(whole, settings);
    newTinyRun(folder, settings);
    const shown: LogEvent[] = [];
    await trainTiny(folder, settings, {
      onEvent: (event) => {
        shown.push(event);
        if (event.event === "step" && event.step === 4) fill();
        if (event.event === "step" && event.step === 7) rmSync(ballast);
      },
    });
    expect(warnings(shown).join("\n")).toMatch(
      /save checkpoint of 0\.\d MB: .*step-0000004: ENOSPC.*the disk is full.*the run goes on and tries again later/,
    );
    expect(bitsOf(folder)).toBe(bitsOf(whole));
    expect(warnings(readLog(folder)).join("\n")).toMatch(/lines of this log could not be written|save checkpoint/);
    expect(readLog(folder).at(-1)).toMatchObject({ event: "end", reason: "complete" });
  });

  it("has room for two checkpoints, not three: the older one gives way, every step is saved, one warning says so", async () => {
    const whole = scratch.next();
    newTinyRun(whole, settings);
    await trainTiny(whole, settings);
    newTinyRun(folder, settings);
    await trainTiny(folder, settings, { isStopping: stopAfter(4) });
    fill();
    const { model, optimizer } = loadNewestCheckpoint(folder, () => {});
    const bytes = [model, optimizer]
      .flatMap(({ tensors }) => [...tensors.values()])
      .reduce((sum, tensor) => sum + tensor.bytes.length, 0);
    truncateSync(ballast, statSync(ballast).size - Math.round(0.6 * bytes));
    const saved: number[] = [];
    await trainTiny(folder, settings, {
      resumes: true,
      onEvent: (event) => {
        if (event.event === "checkpoint") saved.push(event.step);
      },
    });
    expect(saved).toEqual([6, 8, 10, 12]);
    expect(warnings(readLog(folder))).toEqual([
      expect.stringMatching(/^save: no room left .*: step-0000002 gave way, step-0000004 stays/),
    ]);
    expect(bitsOf(folder)).toBe(bitsOf(whole));
  });

  it("at the last save is exit 4 with a sentence; the checkpoint before loads, nothing temporary is left", async () => {
    const one = { ...settings, keepCheckpoints: 1 }; // none is left to give way
    newTinyRun(folder, one);
    const error = await trainTiny(folder, one, {
      onEvent: (event) => {
        if (event.event === "checkpoint" && event.step === 10) fill();
      },
    }).catch((thrown) => thrown as unknown);
    expect(error).toMatchObject({
      name: "SelfsightError",
      exitCode: 4,
      message: expect.stringMatching(/step-0000012: ENOSPC.*free some space, what was saved before is intact/),
    });
    expect(loadNewestCheckpoint(folder, () => {}).state.step).toBe(10);
    expect(readdirSync(join(folder, "checkpoints")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.includes("lock"))).toEqual([]);
    rmSync(ballast);
    await trainTiny(folder, settings, { resumes: true });
    expect(loadNewestCheckpoint(folder, () => {}).state.step).toBe(12);
  });
});

describe("a place that may not be written to", () => {
  it.skipIf(!canMount())(
    "is exit 4 before anything is trained: a read-only file system (needs the right to mount)",
    () => {
      const disk = mountedDisk("1m");
      expect(mount("-o", "remount,ro", disk)).toBe(true);
      const { status, stderr } = spawnSync(
        process.execPath,
        [command, "pretrain", "shapes", "--steps", "2", "--set", "limit=256", "--out", join(disk, "run")],
        { encoding: "utf8" },
      );
      unmountAll();
      expect(stderr).toMatch(/^selfsight: create: .*run\/checkpoints: EROFS.*choose another folder with --out\n$/);
      expect(status).toBe(4);
    },
  );

  it.skipIf(!canMount())("is exit 4 for a run that would go on there, with advice that can be followed", async () => {
    const disk = mountedDisk("1m");
    newTinyRun(join(disk, "run"), tinySettings());
    expect(mount("-o", "remount,ro", disk)).toBe(true);
    const error = await trainTiny(join(disk, "run"), tinySettings()).catch((thrown) => thrown as Error);
    unmountAll();
    expect(error).toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/^lock: .*run: EROFS.*copy the folder to a disk .* and resume the copy$/),
    });
    expect((error as Error).message).not.toContain("--out");
  });

  it("is exit 4 with the limit named when files may not grow (ulimit -f)", () => {
    const folder = scratch.next();
    const words = `ulimit -f 16; exec "${process.execPath}" "${command}" pretrain shapes --steps 2 --batch 16 --size 16 --set limit=32 --set width=8 --set projector=64-64 --set knnEveryEpochs=0 --out "${folder}"`;
    const { status, stderr } = spawnSync("bash", ["-c", words], {
      encoding: "utf8",
      env: { ...process.env, OMP_NUM_THREADS: "1" },
    });
    expect(stderr).toMatch(/selfsight: save checkpoint of \d\.\d MB: .*EFBIG.*ulimit -f/);
    expect(status).toBe(4);
    expect(readdirSync(join(folder, "checkpoints"))).toEqual([]);
    expect(readFileSync(join(folder, "run.json"), "utf8")).toContain('"format": 1');
  }, 150_000);
});
