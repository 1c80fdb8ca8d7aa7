// The engine of this machine: libtorch and the addon compiled for it. Once; a second run takes a fraction of a second.
import { dirname, join } from "node:path";
import { buildAddon, makeCurrent } from "./addon.mjs";
import { currentRecord, isNamed, readCurrentBuild, readRecord } from "./current.mjs";
import { describe, findOrFetchLibtorch } from "./libtorch.mjs";

export { SetupError } from "./say.mjs";

/**
 * Finds or fetches libtorch and compiles the addon where that is needed; returns {addonPath, libtorch}. `libtorch` (cpu, cuda,
 * python3, debian or a folder) becomes the default from then on; without it SELFSIGHT_LIBTORCH counts, for itself only. `force` looks for
 * libtorch again and compiles anew. Errors: SetupError.
 */
export async function setUpEngine({ libtorch, force = false } = {}) {
  const wanted = libtorch ?? process.env.SELFSIGHT_LIBTORCH;
  const build = (!force && readyEngine(wanted)) || buildAddon(await findOrFetchLibtorch(wanted), { force });
  const current = readRecord(currentRecord());
  const becomesDefault = libtorch || !process.env.SELFSIGHT_LIBTORCH || !current;
  if (becomesDefault && current?.addonPath !== build.addonPath) makeCurrent(build);
  return build;
}

/** The build that serves, where it still fits its sources and its libtorch. */
export function readyEngine(wanted = process.env.SELFSIGHT_LIBTORCH) {
  const build = readCurrentBuild(wanted);
  if (!build || (wanted && !isNamed(build.libtorch, wanted))) return undefined;
  const { libtorch: compiledFor } = readRecord(join(dirname(build.addonPath), "build.json")) ?? {};
  const found = describe(build.libtorch.root, build.libtorch.source);
  return found && JSON.stringify(found) === JSON.stringify(compiledFor) ? build : undefined;
}
