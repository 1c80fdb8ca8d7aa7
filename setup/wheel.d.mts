import type { Wheel } from "./platform.mjs";

/** Brings the wheel's `torch/` to `target`, whole or not at all. False: it cannot be had. Errors: another file came; no room. */
export function fetchWheel(wheel: Wheel, cache: string, target: string): Promise<boolean>;
