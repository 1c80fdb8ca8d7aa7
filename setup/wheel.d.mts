import type { Wheel, WheelSet } from "./platform.mjs";

/** Brings the wheel's `torch/` to `target`, whole or not at all. False: it cannot be had. Errors: another file came; no room. */
export function fetchWheel(wheel: Wheel, cache: string, target: string): Promise<boolean>;
/**
 * Brings all wheels of a set to `target`, side by side, whole or not at all. Errors: SetupError where a wheel cannot be had or another
 * file came, or where the disk has no room.
 */
export function fetchWheels(set: WheelSet, cache: string, target: string): Promise<void>;
