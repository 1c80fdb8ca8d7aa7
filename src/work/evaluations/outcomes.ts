// M test images. What a trunk was worth image by image, kept in a file, and two such results held against each other.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import { type PairedComparison, pairedComparison } from "../../evaluate/index.ts";
import { writeFileDurably } from "../../files.ts";
import type { ProtocolReport } from "../evaluation/protocol.ts";

const outcomesSchema = z
  .object({
    format: z.literal(1),
    /** Name, version and what changes the figure. */
    protocol: z.string(),
    /** What was measured, and the data that it was measured on. */
    source: z.string(),
    data: z.string(),
    images: z.array(z.string()),
    scores: z.array(z.number()),
  })
  .refine(({ images, scores }) => images.length === scores.length, "as many scores as images");

/** What each test image was worth under one protocol. */
export interface Outcomes {
  format: 1;
  protocol: string;
  source: string;
  data: string;
  /** What each image is called. [M] */
  images: string[];
  /** 1 right, 0 wrong; of several draws the share that were right. [M] */
  scores: number[];
}

/** What a report must hold to be kept image by image. */
type Answered = ProtocolReport & {
  outcomes: Float32Array;
  images: readonly string[];
  representation: { source: string };
  data: { name: string };
};

const isAnswered = (report: ProtocolReport): report is Answered => "outcomes" in report && "images" in report;

/** A report's outcomes. Errors: configuration, for a protocol whose figure is no mean over images. */
export function outcomesOf(report: ProtocolReport): Outcomes {
  if (!isAnswered(report))
    throw new SelfsightError(
      "configuration",
      `evaluate: ${report.protocol} has no score for each image; a protocol whose figure is a mean over images is needed; measure by knn, linear or few-shot`,
    );
  const { protocol, outcomes, images, representation, data } = report;
  return {
    format: 1,
    ...{ protocol, source: representation.source, data: data.name },
    images: [...images],
    scores: Array.from(outcomes, (score) => Number(score.toFixed(6))),
  };
}

/** Errors: storage. */
export const writeOutcomes = (path: string, outcomes: Outcomes): void =>
  writeFileDurably(path, `${JSON.stringify(outcomes)}\n`);

/** Errors: data, for a file that is not there or holds something else. */
export function readOutcomes(path: string): Outcomes {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw refusal(path, "it cannot be read", { cause });
  }
  const parsed = outcomesSchema.safeParse(jsonOf(path, text));
  if (!parsed.success) throw refusal(path, "it holds something else");
  return parsed.data;
}

function jsonOf(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refusal(path, "it is no JSON", { cause });
  }
}

const refusal = (path: string, given: string, options?: ErrorOptions) =>
  new SelfsightError(
    "data",
    `evaluate: ${displayName(path)}: ${given}; the outcomes of an evaluation are needed; write them with --outcomes ${displayName(path)}`,
    options,
  );

/** Two results on the same images, and whether one is better than the other. */
export interface OutcomeComparison extends PairedComparison {
  sources: [string, string];
  protocols: [string, string];
  data: string;
  /** What a reader of the figures should know. */
  notes: string[];
}

/**
 * Pairs two results image by image, by the images' names: difference, 95 % interval, p-value; see `pairedComparison`.
 *
 * @throws SelfsightError "data" where they were measured on other data or have no image in common.
 */
export function compareOutcomes(first: Outcomes, second: Outcomes): OutcomeComparison {
  if (first.data !== second.data) throw otherData(first, second);
  const scores = new Map(second.images.map((name, place) => [name, second.scores[place]!]));
  const common = first.images.flatMap((name, place) =>
    scores.has(name) ? [{ name, score: first.scores[place]! }] : [],
  );
  if (common.length === 0) throw otherData(first, second);
  const left = first.images.length + second.images.length - 2 * common.length;
  return {
    ...pairedComparison(
      common.map(({ score }) => score),
      common.map(({ name }) => scores.get(name)!),
    ),
    sources: [first.source, second.source],
    protocols: [first.protocol, second.protocol],
    data: first.data,
    notes: [
      ...(left > 0 ? [`images that only one of the two has answered are left out: ${left}`] : []),
      ...(first.protocol !== second.protocol ? ["the two were measured by different protocols"] : []),
    ],
  };
}

const otherData = (first: Outcomes, second: Outcomes) =>
  new SelfsightError(
    "data",
    `evaluate: ${displayName(first.source)} was measured on ${displayName(first.data)}, ${displayName(second.source)} on ${displayName(second.data)}, with no image in common; a paired test needs the same images; measure both on one set`,
  );
