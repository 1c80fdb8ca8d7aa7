import { Presets, SingleBar } from "cli-progress";
import type { Dataset } from "../../../data/index.ts";
import { didYouMean, displayName, SelfsightError } from "../../../errors.ts";
import {
  type BadFile,
  bankAndQueries,
  type Evaluation,
  evaluateKnn,
  type Features,
  type FewShotResult,
  fewShot,
  type LinearProbeResult,
  linearProbe,
  openLabelled,
  type Representation,
} from "../../../evaluate/index.ts";
import { openRepresentation } from "../../../work/representation.ts";

/** What `--json` prints. */
export type EvaluationReport = Evaluation & {
  representation: { source: string; name: string; size: number; features: number; device: string; precision: string };
  data: { name: string; bankImages: number; queryImages: number; badFiles: number };
  seconds: { features: number; protocol: number };
};

type Protocol = (bank: Features, queries: Features, options: EvaluateOptions & { device: string }) => Evaluation;

const protocols: Record<string, Protocol> = {
  knn: (bank, queries, { k, temperature, device }) => evaluateKnn(bank, queries, given({ k, temperature, device })),
  linear: (bank, queries, { epochs, seed, device }) => linearProbe(bank, queries, given({ epochs, seed, device })),
  "few-shot": (bank, queries, { labels, draws, seed, device }) =>
    fewShot(bank, queries, given({ labels, draws, seed, device })),
};

type Given<Options> = { [Key in keyof Options]?: Exclude<Options[Key], undefined> };

/** Without the options that were left out. */
const given = <Options extends object>(options: Options) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<Options>;

/** The options of `selfsight evaluate`, as commander gives them. */
export interface EvaluateOptions {
  data: string;
  k?: number | undefined;
  temperature?: number | undefined;
  labels?: number | undefined;
  draws?: number | undefined;
  epochs?: number | undefined;
  seed?: number | undefined;
  limit?: number | undefined;
  device?: string | undefined;
  precision?: "auto" | "bf16" | "fp32" | undefined;
  json?: true | undefined;
}

/** `selfsight evaluate PROTOCOL RUN_OR_WEIGHTS --data DATA`. */
export async function evaluate(protocol: string, source: string, options: EvaluateOptions): Promise<void> {
  const report = await evaluation(protocol, source, options);
  if (options.json) console.log(JSON.stringify(report, null, 2));
  else print(report);
}

/** Measures a representation and says how. */
export async function evaluation(
  protocol: string,
  source: string,
  options: EvaluateOptions,
): Promise<EvaluationReport> {
  const measure = Object.hasOwn(protocols, protocol) ? protocols[protocol]! : refuseProtocol(protocol);
  const data = await openLabelled(options.data, given({ limit: options.limit }));
  const representation = openRepresentation(source, data.train, options);
  try {
    const startedAt = performance.now();
    const { bank, queries, suffix } = await bankAndQueries(representation, data, {
      ...given({ limit: options.limit, seed: options.seed }),
      reading: reading(options),
    });
    const extractedAt = performance.now();
    const found = measure(bank, queries, { ...options, device: representation.device });
    return {
      ...found,
      protocol: `${found.protocol}${suffix}`,
      representation: describe(source, representation, bank),
      data: {
        name: bank.dataset,
        bankImages: bank.length,
        queryImages: queries.length,
        badFiles: new Set([...bank.badFiles, ...queries.badFiles]).size,
      },
      seconds: { features: (extractedAt - startedAt) / 1000, protocol: (performance.now() - extractedAt) / 1000 },
    };
  } finally {
    representation.free();
  }
}

function describe(source: string, { name, size, device, precision }: Representation, { dimensions }: Features) {
  return { source, name, size, features: dimensions, device, precision };
}

function refuseProtocol(protocol: string): never {
  const names = Object.keys(protocols);
  throw new SelfsightError(
    "configuration",
    `evaluate: ${displayName(protocol)} is no protocol; ${names.join(", ")} are there; choose one.${didYouMean(protocol, names)}`,
  );
}

/** Features with a bar on a terminal; bad files are named. */
const reading =
  ({ json }: EvaluateOptions) =>
  (dataset: Dataset) => {
    const isShown = process.stdout.isTTY && !json;
    const bar = isShown ? new SingleBar({ hideCursor: true, clearOnComplete: true }, Presets.rect) : undefined;
    bar?.start(dataset.length, 0);
    return {
      onProgress: (done: number) => bar?.update(done),
      onBadFile: ({ reason }: BadFile) => console.error(`warning: ${reason}`),
      end: () => bar?.stop(),
    };
  };

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function print(report: EvaluationReport & Partial<FewShotResult & LinearProbeResult>): void {
  const { representation, data, seconds, std, picked } = report;
  const spread = ` ± ${(100 * (std ?? report.standardError)).toFixed(1)}`;
  console.log(
    `${report.protocol}: ${percent(report.value).replace(" %", `${spread} %`)} (${report.correct} of ${report.count}; ± ${std ? "one standard deviation over the draws" : "one standard error"})`,
  );
  console.log(
    `${representation.name}: ${representation.features} features at ${representation.size} pixels, ${representation.device}, ${representation.precision}`,
  );
  console.log(
    `${data.name}: ${data.bankImages} images as bank, ${data.queryImages} as queries; features in ${seconds.features.toFixed(1)} s, protocol in ${seconds.protocol.toFixed(1)} s`,
  );
  if (picked)
    console.log(
      `picked on a held-out fifth of the train split: learning rate ${picked.learningRate}, weight decay ${picked.weightDecay} (${percent(picked.heldOutAccuracy)} there)`,
    );
  for (const note of report.notes) console.log(`note: ${note}`);
  for (const { name, accuracy, correct, count } of report.perClass.slice(0, mostClassesPrinted))
    console.log(
      `  ${displayName(name).padEnd(20)} ${accuracy === null ? "no queries" : `${percent(accuracy)} (${correct} of ${count})`}`,
    );
  const more = report.perClass.length - mostClassesPrinted;
  if (more > 0) console.log(`  and ${more} more classes; all of them with --json`);
}

const mostClassesPrinted = 20;
