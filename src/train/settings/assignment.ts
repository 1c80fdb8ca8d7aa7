import { SelfsightError } from "../../errors.ts";
import { settingTree } from "./setting-tree.ts";
import type { PartialSettings } from "./settings.ts";

/** `key.sub=value` as its key and its value, which is read as JSON where it is JSON (numbers, true, null), else as text. */
export function assignmentFrom(assignment: string): { key: string; value: unknown } {
  const at = assignment.indexOf("=");
  if (at < 1)
    throw new SelfsightError(
      "configuration",
      `--set: ${assignment}; key=value is needed, such as optimizer.learningRate=0.3; write it so`,
    );
  const key = assignment.slice(0, at);
  if (key.split(".").some((part) => ["__proto__", "constructor", "prototype", ""].includes(part)))
    throw new SelfsightError("configuration", `--set: ${key}; no such setting; see \`selfsight pretrain --help\``);
  return { key, value: valueFrom(assignment.slice(at + 1)) };
}

/** The same as a tree of settings. */
export function settingFrom(assignment: string): PartialSettings {
  const { key, value } = assignmentFrom(assignment);
  return settingTree(key, value) as PartialSettings;
}

function valueFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
