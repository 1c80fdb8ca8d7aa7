// Figures of this machine. Set one beside a peer's figure of the same machine and hour (bench/compare.mjs does that), because
// shared machines drift.
import { SelfsightError } from "../../errors.ts";
import { threads } from "../../torch/index.ts";
import type { BenchOptions, BenchResult } from "./figures.ts";

type Bench = (options: BenchOptions) => Promise<BenchResult>;

const benches: Record<string, () => Promise<Bench>> = {
  step: async () => (await import("./step.ts")).benchStep,
  profile: async () => (await import("./profile.ts")).benchProfile,
  augment: async () => (await import("./views.ts")).benchAugment,
  decode: async () => (await import("./views.ts")).benchDecode,
  loss: async () => (await import("./step.ts")).benchLoss,
  pipeline: async () => (await import("./views.ts")).benchPipeline,
};

export async function bench(what: string, options: BenchOptions & { json?: true | undefined }): Promise<void> {
  const load = benches[what];
  if (!load || !Object.hasOwn(benches, what))
    throw new SelfsightError(
      "configuration",
      `bench: ${what}; one of ${Object.keys(benches).join(", ")} is needed; see \`selfsight bench --help\``,
    );
  if (options.threads !== undefined) threads(options.threads);
  const run = await load();
  print(await run(options), options.json === true);
}

function print(result: BenchResult, asJson: boolean): void {
  if (asJson) console.log(JSON.stringify(result));
  else for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(18)}${textOf(value)}`);
}

function textOf(value: BenchResult[string]): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(Number(value.toPrecision(4)));
  return `${value.milliseconds.toFixed(1).padStart(10)} ms ${(100 * value.share).toFixed(1).padStart(6)} %`;
}
