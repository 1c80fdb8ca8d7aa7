import { readFileSync } from "node:fs";

/** Whether this processor multiplies bfloat16 in hardware; elsewhere emulation would be slower than float32. */
export function hasBf16(): boolean {
  return /\b(avx512_bf16|amx_bf16)\b/.test(processorFlags());
}

function processorFlags(): string {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  } catch {
    return ""; // not Linux: float32 is always right
  }
}
