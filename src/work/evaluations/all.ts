// Every protocol on every set of pictures, as far as the pictures allow it.
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { makeFolder } from "../../files.ts";
import { checkpointNames, runPath } from "../../train/index.ts";
import { evaluate } from "../evaluate.ts";
import type { MeasureOptions, ProtocolReport } from "../evaluation/protocol.ts";
import { type ProtocolName, type Protocols, protocols } from "../evaluation/protocols.ts";
import { type Evaluations, evaluationsPath, writeEvaluations } from "./kept.ts";
import { outcomesOf, writeOutcomes } from "./outcomes.ts";
import { putIntoReport } from "./put-into-report.ts";

export interface EvaluateAllOptions extends MeasureOptions {
  /** Default all there are. */
  protocols?: readonly string[] | undefined;
  /** Where evaluations.json and the outcomes go. Default: the run's folder. */
  out?: string | undefined;
  /** Told before each measurement. */
  onStart?: ((name: ProtocolName, data: string) => void) | undefined;
  /** Told of each figure, and of what the pictures do not allow. */
  onFound?: ((name: ProtocolName, data: string, report: ProtocolReport) => void) | undefined;
  onRefused?: ((name: ProtocolName, data: string, reason: string) => void) | undefined;
}

/** What was measured, and where it stands. */
export interface EvaluatedAll extends Evaluations {
  /** The file. */
  path: string;
  /** The run's page that shows it; null where the trunk is no run. */
  report: string | null;
}

type Chosen = { readonly [Name in ProtocolName]?: Partial<Protocols[Name]["options"]> } & Readonly<
  Record<string, object>
>;

/** Test pictures that are corrupted: 75 versions of each. */
const corruptedPictures = 1000;

/** What differs from the protocols' own defaults, where one command should end within hours. */
const chosen: Chosen = {
  transfer: { svm: true }, // on labelled folders it is what `linear` measures
  robustness: { pictures: corruptedPictures },
  detect: { schedule: "small" },
  segment: { schedule: "small" },
};

/**
 * Measures a trunk by every protocol on each set: what a set does not allow is kept with the protocol's own reason. Writes
 * `evaluations.json` after each figure, what each image was worth under `outcomes/`, and adds itself to a run's `report.html`.
 *
 * @throws SelfsightError "configuration" for an unknown protocol, or without `out` where the trunk is no run; "checkpoint", "storage".
 */
export async function evaluateAll(
  source: string,
  data: readonly string[],
  options: EvaluateAllOptions = {},
): Promise<EvaluatedAll> {
  const { protocols: asked, out, onStart, onFound, onRefused, ...measuring } = options;
  const names =
    asked === undefined ? (Object.keys(protocols) as ProtocolName[]) : [...new Set(asked)].map(protocolName);
  const isRun = existsSync(runPath(source));
  const folder = out ?? (isRun ? source : undefined);
  if (folder === undefined) throw noFolder(source);
  makeFolder(join(folder, "outcomes"));
  const all: Evaluations = {
    format: 1,
    source,
    step: isRun ? stepOf(source) : null,
    created: new Date().toISOString(),
    found: [],
    refused: [],
  };
  for (const set of data)
    for (const name of names) {
      onStart?.(name, set);
      const measured = await measuredBy(name, source, set, measuring);
      if ("reason" in measured) {
        all.refused.push({ name, data: set, ...measured });
        onRefused?.(name, set, measured.reason);
      } else {
        keep(folder, all, { name, data: set, report: measured.report });
        onFound?.(name, set, measured.report);
      }
      writeEvaluations(folder, all);
    }
  const report = isRun ? await putIntoReport(source, all) : null;
  return { ...all, path: evaluationsPath(folder), report };
}

const stepOf = (run: string): number => Number(/\d+$/.exec(checkpointNames(run).at(-1) ?? "0")?.[0] ?? 0);

type Measured = { report: ProtocolReport } | { kind: string; reason: string };

/** A refusal for the data, the settings or the numbers is a finding; anything else ends the command. */
async function measuredBy(
  name: ProtocolName,
  source: string,
  data: string,
  options: MeasureOptions,
): Promise<Measured> {
  const { without = [] } = protocols[name];
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => !without.some((idle) => idle === key)));
  try {
    return { report: await evaluate(source, name, data, { ...own, ...chosen[name] } as MeasureOptions) };
  } catch (error) {
    if (!(error instanceof SelfsightError) || !bearable.includes(error.kind)) throw error;
    return { kind: error.kind, reason: error.message };
  }
}

const bearable: readonly string[] = ["data", "configuration", "numerics", "memory"];

function keep(
  folder: string,
  all: Evaluations,
  { name, data, report }: { name: string; data: string; report: ProtocolReport },
): void {
  const { outcomes: _, images: __, ...figures } = report as ProtocolReport & { outcomes?: unknown; images?: unknown };
  all.found.push({ ...figures, name, set: dataOf(report), data });
  if ("outcomes" in report && "images" in report)
    writeOutcomes(join(folder, "outcomes", `${fileName(data)}-${name}.json`), outcomesOf(report));
}

/** What the protocol says of its pictures; `data` itself is what was typed. */
const dataOf = (report: ProtocolReport): unknown => ("data" in report ? report.data : null);

const fileName = (data: string): string => basename(data).replace(/[^\w.-]+/g, "-") || "data";

function protocolName(name: string): ProtocolName {
  if (Object.hasOwn(protocols, name)) return name as ProtocolName;
  const names = Object.keys(protocols);
  throw new SelfsightError(
    "configuration",
    `evaluate all: ${displayName(name)} is no protocol; ${names.join(", ")} are there; choose among them.${didYouMean(name, names)}`,
  );
}

const noFolder = (source: string) =>
  new SelfsightError(
    "configuration",
    `evaluate all: ${displayName(source)} is no run, and no folder for the figures was given; one is needed; add --out evaluated/NAME`,
  );
