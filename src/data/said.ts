// What a folder's reader passed over or wondered at, in the sentences that every command says.
import { basename } from "node:path";
import { displayName } from "../errors.ts";
import { type Dataset, type Division, type FolderPart, type SkippedFile, sampleName } from "./dataset.ts";

/** Names that a sentence bears; the rest is counted. */
const mostNames = 5;

function listed(names: readonly string[]): string {
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : "";
  return `${names.slice(0, mostNames).join(", ")}${more}`;
}

const pictures = (count: number): string => (count === 1 ? "1 picture" : `${count} pictures`);

/** What could not be decoded; empty where that is nothing. */
export function describeLeftOut(names: readonly string[]): string {
  if (names.length === 0) return "";
  return `${pictures(names.length)} could not be decoded and ${names.length === 1 ? "was" : "were"} left out: ${listed(names)}`;
}

/** What lies in the folder of a dataset and is not read, by reason; empty where all of it is. */
function describeSkipped(dataset: Dataset): string {
  if (dataset.kind === "array" || dataset.skipped.length === 0) return "";
  const { skipped, root } = dataset;
  const count = skipped.length === 1 ? "1 file or folder" : `${skipped.length} files or folders`;
  return `not read in ${displayName(basename(root))}: ${count}: ${listedByReason(skipped)}`;
}

/** What the parts of a divided folder are for; empty where it is not divided. */
export function describeDivision(dataset: Dataset): string {
  const division = dataset.kind === "folder" ? dataset.division : undefined;
  if (!division) return "";
  const { train, val, test, others } = division;
  const reportedOn = test?.isLabelled ? test : val?.isLabelled ? val : undefined;
  const uses = [val, test].flatMap((part) => (part ? [`${nameOf(part)} ${useOf(part, division, reportedOn)}`] : []));
  const aside = others.map((name) => `${displayName(name)}/ left aside`);
  return [`${nameOf(train)} to learn from`, ...uses, ...aside].join(", ");
}

const nameOf = ({ name }: FolderPart): string => `${displayName(name)}/`;

function useOf(part: FolderPart, { train }: Division, reportedOn: FolderPart | undefined): string {
  if (!train.isLabelled) return "left aside";
  if (!part.isLabelled) return "without labels";
  return part === reportedOn ? "to report on" : "to choose by";
}

/** Says of each dataset what of its folder is not read. */
export function warnOfSkipped(datasets: readonly (Dataset | undefined)[], warn: (sentence: string) => void): void {
  const sentences = datasets.map((dataset) => (dataset ? describeSkipped(dataset) : ""));
  for (const sentence of sentences.filter(Boolean)) warn(sentence);
}

/** `hidden file: a/.b.jpg, a/.c.jpg; empty file: d.jpg` */
export function listedByReason(skipped: readonly SkippedFile[]): string {
  const byReason = new Map<string, string[]>();
  for (const { reason, label } of skipped) byReason.set(reason, [...(byReason.get(reason) ?? []), label]);
  return [...byReason].map(([reason, labels]) => `${reason}: ${listed(labels)}`).join("; ");
}

/** Pictures that were read in spite of something: each kind is said once, with how many it is true of. */
export class Remarks {
  readonly #byKind = new Map<string, Set<number>>();

  add(index: number, remark: string): void {
    const known = this.#byKind.get(remark) ?? new Set();
    this.#byKind.set(remark, known.add(index));
  }

  sentences(dataset: Dataset): string[] {
    return [...this.#byKind].map(([remark, indices]) => {
      const names = [...indices].sort((a, b) => a - b).map((index) => sampleName(dataset, index));
      return `${pictures(names.length)} ${names.length === 1 ? "was" : "were"} read in spite of ${remark}: ${listed(names)}`;
    });
  }
}
