import { didYouMean, displayName, SelfsightError } from "../../../errors.ts";
import { type MethodName, methods } from "../../../methods/index.ts";
import { type SettingFacts, settingsJsonSchema, settingsOf } from "../../../train/index.ts";
import { settingFlags } from "../pretrain/flags.ts";

/** What `--json` prints of a setting; `flag` is the option of `pretrain` that says the same. */
export type ListedSetting = SettingFacts & { flag: string | null };

/** `selfsight settings [METHOD]`. */
export function listSettings(
  method: string,
  { json, schema }: { json?: true | undefined; schema?: true | undefined },
): void {
  refuseUnknown(method);
  if (schema) {
    console.log(JSON.stringify(settingsJsonSchema(method), null, 2));
    return;
  }
  const settings = settingsOf(method).map((facts) => ({ ...facts, flag: flagOf(facts.key) }));
  if (json) console.log(JSON.stringify({ method, settings }, null, 2));
  else print(method, settings);
}

/** Errors: configuration, naming the methods that there are and the nearest one. */
export function refuseUnknown(method: string): asserts method is MethodName {
  if (Object.hasOwn(methods, method)) return;
  const names = Object.keys(methods);
  throw new SelfsightError(
    "configuration",
    `settings: ${displayName(method)}; one of ${names.join(", ")} is needed; check the name.${didYouMean(method, names)}`,
  );
}

function flagOf(key: string): string | null {
  const found = Object.entries(settingFlags).find(([, setting]) => setting === key);
  return found ? `--${found[0]}` : null;
}

function print(method: MethodName, settings: readonly ListedSetting[]): void {
  const own = settings.filter(({ isOfMethod }) => isOfMethod);
  if (own.length > 0) console.log(`Of ${methods[method].title}:\n`);
  for (const setting of own) printSetting(setting);
  console.log(`Of every run (defaults of ${method}):\n`);
  for (const setting of settings.filter(({ isOfMethod }) => !isOfMethod)) printSetting(setting);
  const others = Object.keys(methods).filter((name) => name !== method);
  console.log(`Set one with --set key=value. Other methods: ${others.join(", ")}.`);
}

function printSetting({ key, default: value, needed, meaning, flag }: ListedSetting): void {
  console.log(`${key} = ${shown(value)}${flag ? `   (or ${flag})` : ""}`);
  console.log(`    ${meaning}`);
  console.log(`    ${needed}\n`);
}

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
