// Saves step 20 into the run folder that it is given; test/save-sweep.mjs breaks it at every system call.
//   node test/save-once.mjs FOLDER [twin]      twin: with the fault planted that the sweep must find
import { rmSync } from "node:fs";
import { join } from "node:path";
import { exitCodes, SelfsightError } from "../dist/errors.js";
import { saveCheckpoint } from "../dist/train/run/checkpoint.js";

export function contentOf(step) {
  const tensor = { dtype: "F32", shape: [256], bytes: new Uint8Array(new Float32Array(256).fill(step).buffer) };
  const stored = {
    tensors: new Map([
      ["a", tensor],
      ["b", tensor],
    ]),
    metadata: {},
  };
  const state = { step, settingsHash: "5e77", fingerprint: "f1", updates: step, quarantine: [] };
  return { state, model: stored, optimizer: stored };
}

export const save = (folder, step) => saveCheckpoint(folder, contentOf(step), { keep: 1 });

const [folder, twin] = process.argv.slice(2);
if (process.argv[1]?.endsWith("save-once.mjs") && folder) {
  Object.defineProperty(process, "pid", { value: 4242 }); // so that the temporary name is known beforehand
  if (twin) rmSync(join(folder, "checkpoints", "step-0000010"), { recursive: true, force: true });
  try {
    save(folder, 20);
  } catch (error) {
    console.error(error.message);
    process.exitCode = error instanceof SelfsightError ? error.exitCode : exitCodes.bug;
  }
}
