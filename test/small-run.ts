// A run's folder as `pretrain` leaves it, with a small network and its first weights.
import { join } from "node:path";
import { freeNetwork, freeOptimizer } from "../src/nn/index.ts";
import {
  buildState,
  checkpointOf,
  createRunFolder,
  type PartialSettings,
  resolveSettings,
  type Settings,
  saveCheckpoint,
} from "../src/train/index.ts";

/** Makes `parent`/run and returns its path and settings. */
export function smallRun(parent: string, given: PartialSettings = {}): { folder: string; settings: Settings } {
  const folder = join(parent, "run");
  const settings = resolveSettings({
    width: 4,
    projector: "16-16",
    batchSize: 32,
    seed: 11,
    device: "cpu",
    precision: "fp32",
    ...given,
  });
  const facts = { fingerprint: "0".repeat(64), images: 320 };
  createRunFolder(folder, {
    format: 1,
    settings,
    command: "selfsight pretrain shapes",
    data: "shapes",
    versions: { selfsight: "0.1.0", node: process.version, libtorch: "2.13.0" },
    created: "2026-01-01T00:00:00.000Z",
    ...facts,
  });
  const state = buildState(settings, { length: facts.images });
  state.step = 5;
  const content = checkpointOf(state, { settingsHash: "", fingerprint: facts.fingerprint, quarantine: [] });
  saveCheckpoint(folder, content, { keep: 2 });
  freeOptimizer(state.optimizer);
  freeNetwork(state.network);
  return { folder, settings };
}
