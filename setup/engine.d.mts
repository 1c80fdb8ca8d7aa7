import type { CurrentBuild } from "./current.mjs";

/** A failure of the set-up, with a sentence for its reader. */
export class SetupError extends Error {}
/**
 * Finds or fetches libtorch and compiles the addon where that is needed. `libtorch` (cpu, cuda, python3, debian or a folder) becomes the
 * default from then on; without it SELFSIGHT_LIBTORCH counts, for itself only. `force` looks for libtorch again and compiles anew.
 * Errors: SetupError.
 */
export function setUpEngine(options?: {
  libtorch?: string | undefined;
  force?: boolean | undefined;
}): Promise<CurrentBuild>;
/** The build that serves, where it still fits its sources and its libtorch. */
export function readyEngine(wanted?: string): CurrentBuild | undefined;
