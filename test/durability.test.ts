// The order by which a name that a reader knows holds old bytes or new ones after a power cut: write, fsync file, rename, fsync folder.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { createFileDurably, makeFolder, writeFileDurably } from "../src/files.ts";
import { saveCheckpoint } from "../src/train/index.ts";
import { fileCallsOf } from "./file-calls.ts";
import { canSweep, traceOfSave } from "./save-sweep.mjs";
import { scratchFolder } from "./tiny-run.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);
let folder = "";
beforeEach(() => {
  folder = scratch.next();
  mkdirSync(folder);
});

it("a file is replaced by bytes that are on the disk, and its name is made durable", () => {
  expect(fileCallsOf(folder, () => writeFileDurably(join(folder, "a"), "text"))).toEqual([
    "write .a.PID.tmp",
    "fsync .a.PID.tmp",
    "rename .a.PID.tmp a",
    "fsync .",
  ]);
});

it("a new file gets its name when its bytes are on the disk, and its name is made durable", () => {
  expect(fileCallsOf(folder, () => createFileDurably(join(folder, "a"), "text"))).toEqual([
    "write .a.PID.tmp",
    "fsync .a.PID.tmp",
    "link .a.PID.tmp a",
    "fsync .",
    "rm .a.PID.tmp",
  ]);
});

it("a new folder's name is made durable, and so are those of the folders above it", () => {
  expect(fileCallsOf(folder, () => makeFolder(join(folder, "a", "b")))).toEqual([
    "mkdir a",
    "fsync .",
    "mkdir a/b",
    "fsync a",
  ]);
});

const parts = ["model.safetensors", "optimizer.safetensors", "state.json"];
const written = (temporary: string) =>
  parts.flatMap((name) => [`write ${temporary}/${name}`, `fsync ${temporary}/${name}`]);

it("a checkpoint gets its name when all of it is on the disk, and an old one goes when that name is durable", () => {
  const stored = { tensors: new Map(), metadata: {} };
  const save = (step: number) => {
    const state = { step, settingsHash: "", fingerprint: "", updates: step, quarantine: [] };
    saveCheckpoint(folder, { state, model: stored, optimizer: stored }, { keep: 1 });
  };
  save(10);
  expect(fileCallsOf(join(folder, "checkpoints"), () => save(20))).toEqual([
    "mkdir .step-0000020.PID.tmp",
    ...written(".step-0000020.PID.tmp"),
    "fsync .step-0000020.PID.tmp",
    "rm step-0000020", // a failed save's, if there is one
    "rename .step-0000020.PID.tmp step-0000020",
    "fsync .",
    "rm step-0000010",
  ]);
});

it.skipIf(!canSweep())("the kernel is asked for the same, in the same order (needs strace)", () => {
  const calls = traceOfSave();
  const isOfOld = (call: string) => call.includes("step-0000010"); // how Node removes a folder is its own affair
  const firstOfOld = calls.findIndex(isOfOld);
  expect(calls.slice(0, firstOfOld)).toEqual([
    "mkdir .step-0000020.4242.tmp",
    ...written(".step-0000020.4242.tmp"),
    "fsync .step-0000020.4242.tmp",
    "rename .step-0000020.4242.tmp",
    "fsync .",
  ]);
  expect(calls.slice(firstOfOld).every(isOfOld)).toBe(true);
});
