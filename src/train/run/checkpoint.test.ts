import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs, {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { SelfsightError } from "../../errors.ts";
import { keyedStream } from "../../random.ts";
import {
  type CheckpointContent,
  checkpointNames,
  loadCheckpoint,
  loadNewestCheckpoint,
  saveCheckpoint,
  setAsideAfter,
} from "./checkpoint.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const files = ["model.safetensors", "optimizer.safetensors", "state.json"] as const;

function contentOf(step: number): CheckpointContent {
  const tensor = (value: number) => ({
    dtype: "F32" as const,
    shape: [6],
    bytes: new Uint8Array(new Float32Array(6).fill(value).buffer),
  });
  return {
    state: { step, settingsHash: "5e77", fingerprint: "f1", updates: step, quarantine: [3, 5] },
    model: { tensors: new Map([["weight", tensor(step)]]), metadata: { format: "pt" } },
    optimizer: { tensors: new Map([["momentum.weight", tensor(-step)]]), metadata: {} },
  };
}

/** A run with checkpoints of steps 10 and 20. */
const sound = scratch.next();
beforeAll(() => {
  mkdirSync(sound);
  for (const step of [10, 20]) saveCheckpoint(sound, contentOf(step), { keep: 5 });
});

let run = "";
let newest = "";
beforeEach(() => {
  run = scratch.copyOf(sound);
  newest = join(run, "checkpoints", "step-0000020");
});

/** Loads the newest whole checkpoint; says which step it is of and what was said of others. */
function load(folder = run) {
  const said: string[] = [];
  const { state } = loadNewestCheckpoint(folder, (message) => said.push(message));
  return { step: state.step, said };
}

/** The same where a newer format may be refused. */
function loadOrRefuse() {
  try {
    return load();
  } catch (error) {
    expect(error).toMatchObject({ name: "SelfsightError", exitCode: 5 });
    return { step: 0, said: [(error as Error).message] };
  }
}

function refusalOf(body: () => unknown): SelfsightError {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(SelfsightError);
    return error as SelfsightError;
  }
  throw new Error("nothing was thrown");
}

it("gives back what was saved, newest first", () => {
  expect(checkpointNames(run)).toEqual(["step-0000020", "step-0000010"]);
  const { state, model, optimizer } = loadNewestCheckpoint(run, () => {});
  expect(state).toMatchObject(contentOf(20).state);
  expect(model).toEqual(toBuffers(contentOf(20).model));
  expect(optimizer).toEqual(toBuffers(contentOf(20).optimizer));
});

const toBuffers = ({ tensors, metadata }: CheckpointContent["model"]) => ({
  metadata,
  tensors: new Map(Array.from(tensors, ([name, value]) => [name, { ...value, bytes: Buffer.from(value.bytes) }])),
});

describe("a damaged checkpoint", () => {
  it.each(files)("is found when %s is cut short anywhere, and the one before is used", (file) => {
    const { length } = readFileSync(join(newest, file));
    const shortest = file === "state.json" ? length - 2 : length - 1; // state.json without its last line end is whole
    for (const bytes of new Set([shortest, length >> 1, 8, 1, 0])) {
      truncateSync(join(newest, file), bytes);
      const { step, said } = load();
      expect(step).toBe(10);
      expect(said).toHaveLength(1);
      expect(said[0]).toMatch(
        new RegExp(`^load .*${file}: .+; the file as it was saved is needed; an older checkpoint is used`),
      );
      if (file !== "state.json") expect(said[0]).toContain(`it has ${bytes} bytes, ${length} were written`);
    }
  });

  it("is found whichever bit is flipped, but for bits that change no content", () => {
    const next = keyedStream(7);
    const original = loadCheckpoint(newest);
    for (const file of files) {
      const bytes = readFileSync(join(newest, file));
      for (let trial = 0; trial < 100; trial++) {
        const flipped = Buffer.from(bytes);
        const place = Math.floor(next() * bytes.length);
        flipped[place]! ^= 1 << Math.floor(next() * 8);
        writeFileSync(join(newest, file), flipped);
        const { step } = load();
        if (step !== 10) expect(loadCheckpoint(newest), `${file} byte ${place}`).toEqual(original);
      }
      writeFileSync(join(newest, file), bytes);
    }
    expect(load()).toEqual({ step: 20, said: [] });
  });

  it.each(files)("is found when %s is missing, a folder, or another step's", (file) => {
    const path = join(newest, file);
    rmSync(path);
    expect(load()).toMatchObject({ step: 10, said: [expect.stringContaining(file)] });
    mkdirSync(path);
    expect(load()).toMatchObject({ step: 10, said: [expect.stringContaining(file)] });
    rmSync(path, { recursive: true });
    cpSync(join(run, "checkpoints", "step-0000010", file), path);
    expect(load()).toMatchObject({ step: 10, said: [expect.stringMatching(/SHA-256|is of step 10/)] });
  });

  it.each(files)("is found when %s is a FIFO, which nobody waits for, or leads to a device", (file) => {
    const path = join(newest, file);
    for (const put of [() => execFileSync("mkfifo", [path]), () => fs.symlinkSync("/dev/zero", path)]) {
      rmSync(path);
      put();
      expect(load()).toMatchObject({
        step: 10,
        said: [expect.stringMatching(`${file}: it (cannot be read|has 0 bytes)`)],
      });
    }
  });

  it("is found when two files or two folders changed places", () => {
    renameSync(join(newest, "model.safetensors"), join(newest, "x"));
    renameSync(join(newest, "optimizer.safetensors"), join(newest, "model.safetensors"));
    renameSync(join(newest, "x"), join(newest, "optimizer.safetensors"));
    expect(load().step).toBe(10);
    renameSync(newest, join(run, "checkpoints", "step-0000030"));
    expect(load().step).toBe(10);
  });

  it("never is what crashes: state.json with other types and values ends in a sentence", () => {
    const path = join(newest, "state.json");
    const state = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    const values = [null, true, -1, 1.5, 1e308, "", "20", [], {}, [[]], { bytes: "1" }, { __proto__: null }, undefined];
    const places = placesIn(state);
    let mutations = 0;
    for (const place of places)
      for (const value of values) {
        writeFileSync(path, sealed(withValue(state, place, value)));
        const { step, said } = loadOrRefuse();
        expect(said[0] ?? "", `${place.join(".")} = ${JSON.stringify(value)}`).not.toMatch(
          /of undefined|is not a function/,
        );
        if (!isHarmless(place, value)) expect(step, `${place.join(".")} = ${JSON.stringify(value)}`).not.toBe(20);
        mutations++;
      }
    expect(mutations).toBeGreaterThanOrEqual(180);
    for (const text of ["", "null", "[]", "1", '"x"', "{", "\u0000", '{"format":1}', `${"[".repeat(50_000)}`]) {
      writeFileSync(path, text);
      expect(load().step).toBe(10);
    }
  });

  it("is kept aside when the run goes on, and makes room for a new one of its name", () => {
    truncateSync(join(newest, "model.safetensors"), 3);
    setAsideAfter(run, load().step);
    expect(checkpointNames(run)).toEqual(["step-0000010"]);
    const aside = readdirSync(join(run, "checkpoints")).filter((name) => /^step-0000020\.aside-\d+$/.test(name));
    expect(aside).toHaveLength(1);
    saveCheckpoint(run, contentOf(20), { keep: 1 });
    expect(load()).toEqual({ step: 20, said: [] });
    expect(existsSync(join(run, "checkpoints", aside[0]!))).toBe(true);
  });

  it("leaves no other way than exit 5 when none is whole", () => {
    for (const name of checkpointNames(run)) truncateSync(join(run, "checkpoints", name, "state.json"), 0);
    const error = refusalOf(load);
    expect(error.exitCode).toBe(5);
    expect(error.message).toMatch(/2 damaged and no whole checkpoint in .*; a whole one is needed; restore one/);
    rmSync(join(run, "checkpoints"), { recursive: true });
    expect(refusalOf(load)).toMatchObject({ exitCode: 5, message: expect.stringContaining("no checkpoint in") });
  });
});

it("passes over files that it did not write", () => {
  writeFileSync(join(newest, ".DS_Store"), "x");
  mkdirSync(join(run, "checkpoints", "best"));
  mkdirSync(join(run, "checkpoints", ".step-0000030.1.tmp"));
  expect(load()).toEqual({ step: 20, said: [] });
});

it("refuses a newer format instead of going back to an older checkpoint", () => {
  const path = join(newest, "state.json");
  const { sha256, ...state } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  expect(sha256).toBe(sha256Of(state));
  const newer = { ...state, format: 2, more: "of it" };
  writeFileSync(path, JSON.stringify({ ...newer, sha256: sha256Of(newer) }));
  const error = refusalOf(load);
  expect(error.exitCode).toBe(5);
  expect(error.message).toMatch(/format 2 by a newer Selfsight; this one reads format 1; update Selfsight/);
});

describe("saving", () => {
  it("removes what dead saves left behind, and nothing that it did not make", () => {
    const folder = join(run, "checkpoints");
    const foreign = ["best", "step-5-copy", "step-0000010.aside-1", ".hidden"];
    for (const name of [...foreign, ".step-0000030.99.tmp"]) mkdirSync(join(folder, name));
    saveCheckpoint(run, contentOf(30), { keep: 1 });
    expect(readdirSync(folder).sort()).toEqual([...foreign, "step-0000030"].sort());
  });

  it("keeps the newest ones, whatever the order of saves, damage and going back", () => {
    const next = keyedStream(11);
    const folder = scratch.next();
    mkdirSync(folder);
    let step = 0;
    for (let turn = 0; turn < 60; turn++) {
      const keep = 1 + Math.floor(3 * next());
      step += 1 + Math.floor(3 * next());
      saveCheckpoint(folder, contentOf(step), { keep });
      const names = checkpointNames(folder);
      expect(Number(names[0]!.slice(5))).toBe(step);
      expect(names.length).toBeLessThanOrEqual(keep);
      if (next() < 0.3 && names.length > 1) {
        rmSync(join(folder, "checkpoints", names[0]!, "state.json"));
        step = load(folder).step;
        expect(step).toBe(Number(names[1]!.slice(5)));
        setAsideAfter(folder, step);
      }
    }
  });

  it("replaces what a failed save of the same step left", () => {
    rmSync(join(newest, "state.json"));
    saveCheckpoint(run, contentOf(20), { keep: 1 });
    expect(load()).toEqual({ step: 20, said: [] });
  });

  it("does not build up again a run that was moved away", () => {
    rmSync(run, { recursive: true });
    const error = refusalOf(() => saveCheckpoint(run, contentOf(30), { keep: 1 }));
    expect(error.exitCode).toBe(4);
    expect(error.message).toMatch(/^save checkpoint of 0.0 MB: .*step-0000030: ENOENT.*moved or deleted/);
    expect(existsSync(run)).toBe(false);
  });
});

describe("with no room for one checkpoint more", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });

  const bytesIn = (folder: string): number =>
    readdirSync(folder, { withFileTypes: true })
      .map((entry) => join(folder, entry.name))
      .reduce((sum, path) => sum + (statSync(path).isDirectory() ? bytesIn(path) : statSync(path).size), 0);

  /** From now on the run's folder holds so many bytes at most. */
  function limitTo(capacity: number, code = "ENOSPC"): void {
    const write = fs.writeSync;
    vi.spyOn(fs, "writeSync").mockImplementation(((file: number, bytes: Buffer, ...rest: number[]) => {
      if (bytesIn(run) + bytes.length > capacity) throw Object.assign(new Error(`${code}: no room`), { code });
      return write(file, bytes, ...rest);
    }) as typeof fs.writeSync);
    syncBuiltinESMExports();
  }

  function saveAll(steps: readonly number[]): string[] {
    const said: string[] = [];
    for (const step of steps) saveCheckpoint(run, contentOf(step), { keep: 2, onRoomMade: (text) => said.push(text) });
    return said;
  }

  it.each(["ENOSPC", "EDQUOT"])("the older one gives way, is named, and every save succeeds (%s)", (code) => {
    limitTo(2.5 * bytesIn(newest), code);
    const said = saveAll([30, 40]);
    expect(checkpointNames(run)).toEqual(["step-0000040", "step-0000030"]);
    expect(load()).toEqual({ step: 40, said: [] });
    expect(said).toEqual([
      expect.stringMatching(
        /^save: no room .* of 0\.0 MB: step-0000010 gave way, step-0000020 stays .*keepCheckpoints=1$/,
      ),
      expect.stringContaining("step-0000020 gave way, step-0000030 stays"),
    ]);
  });

  it("the last whole one stays, and the save fails with a sentence", () => {
    limitTo(1.5 * bytesIn(newest));
    const error = refusalOf(() => saveAll([30]));
    expect(error).toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/step-0000030: ENOSPC.*free some space/),
    });
    expect(readdirSync(join(run, "checkpoints"))).toEqual(["step-0000020"]);
    expect(load()).toEqual({ step: 20, said: [] });
  });

  it("a whole one does not give way to keep a newer one that is damaged", () => {
    truncateSync(join(newest, "model.safetensors"), 3);
    limitTo(bytesIn(run));
    expect(refusalOf(() => saveAll([30])).exitCode).toBe(4);
    expect(load().step).toBe(10);
  });

  it("nothing gives way to other errors of the disk", () => {
    limitTo(bytesIn(run), "EIO");
    expect(refusalOf(() => saveAll([30])).exitCode).toBe(4);
    expect(checkpointNames(run)).toEqual(["step-0000020", "step-0000010"]);
  });
});

/** A mutated state.json with a hash that fits, as a clumsy editor of the file would leave it. */
function sealed(state: unknown): string {
  if (typeof state !== "object" || state === null || Array.isArray(state)) return JSON.stringify(state) ?? "";
  const { sha256: _, ...content } = JSON.parse(JSON.stringify(state)) as Record<string, unknown>;
  return JSON.stringify({ ...content, sha256: sha256Of(content) });
}

/** Texts and lists of numbers may be any; what they must be is checked against the run. */
const isHarmless = ([key]: string[], value: unknown) =>
  key === "sha256" ||
  (typeof value === "string" && ["settingsHash", "fingerprint"].includes(key ?? "")) ||
  (key === "quarantine" && Array.isArray(value) && value.length === 0);

const sha256Of = (content: unknown) => createHash("sha256").update(JSON.stringify(content)).digest("hex");

/** Paths to every value of a tree, the root and array elements among them. */
function placesIn(value: unknown, path: string[] = []): string[][] {
  const below = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return [path, ...below.flatMap(([key, child]) => placesIn(child, [...path, key]))];
}

function withValue(tree: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy = structuredClone(tree) as Record<string, unknown>;
  copy[key] = withValue(copy[key], rest, value);
  return copy;
}
