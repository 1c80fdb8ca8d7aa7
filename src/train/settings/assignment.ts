import { SelfsightError } from "../../errors.ts";
import type { PartialSettings } from "./settings.ts";

/** Turns `key.sub=value` into a tree; values are read as JSON where they are JSON (numbers, true, null), else as text. */
export function settingFrom(assignment: string): PartialSettings {
  const at = assignment.indexOf("=");
  if (at < 1)
    throw new SelfsightError(
      "configuration",
      `--set: ${assignment}; key=value is needed, such as optimizer.learningRate=0.3; write it so`,
    );
  const keys = assignment.slice(0, at).split(".");
  if (keys.some((key) => ["__proto__", "constructor", "prototype", ""].includes(key)))
    throw new SelfsightError(
      "configuration",
      `--set: ${keys.join(".")}; no such setting; see \`selfsight pretrain --help\``,
    );
  return keys.reduceRight<unknown>(
    (value, key) => ({ [key]: value }),
    valueFrom(assignment.slice(at + 1)),
  ) as PartialSettings;
}

function valueFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
