// n labelled pictures, N in all, C classes
import { statSync } from "node:fs";
import { type Dataset, openDataset } from "../../data/index.ts";
import { CallError, displayName, SelfsightError } from "../../errors.ts";
import { extractFeatures, type Features } from "../../evaluate/index.ts";
import { type FeatureOptions, featuresOf, type OpenWork } from "../open-work.ts";
import { pictureName } from "../pictures.ts";
import { centred } from "../results/centred.ts";
import { type Answers, type ConfidenceCalibration, classifyRows } from "./classifier.ts";
import { readLabelList } from "./label-list.ts";
import { mostInstructive } from "./teach.ts";

export interface ClassifyOptions extends FeatureOptions {
  /** A CSV of pictures and their classes, or a folder with one sub-folder of examples for each class. */
  labels: string;
  /** Pictures to ask for next. Default 10. */
  teach?: number | undefined;
}

export interface ClassifiedPicture {
  name: string;
  index: number;
  label: string;
  /** How sure that is, 0 to 1: of pictures with 0.8 some 80 % are right, as far as the few labels can tell. */
  confidence: number;
  /** The next likely class. */
  second: string;
  secondConfidence: number;
}

export interface Classified {
  representation: string;
  data: string;
  classes: string[];
  /** Labelled pictures of each class. */
  labelled: number[];
  /** The pictures without a label, the surest of each class first. */
  pictures: ClassifiedPicture[];
  /** Those whose labels would teach most, the most instructive first. */
  teach: ClassifiedPicture[];
  calibration: ConfidenceCalibration;
  badFiles: { name: string; reason: string }[];
}

/** Pictures with their features, and the class of some of them. */
interface Known {
  features: Features;
  /** The rows with a label. */
  rows: number[];
  labels: string[];
  /** Rows that are pictures of the data, and not examples from elsewhere. */
  ownRows: number;
}

/** Of what is open. Errors: data, numerics. */
export async function classifiedOf(work: OpenWork, options: ClassifyOptions): Promise<Classified> {
  const { labels: source, teach = 10 } = options;
  if (!Number.isInteger(teach) || teach < 0)
    throw new CallError(`classify: teach ${teach}; a whole number is needed; leave it out for 10`);
  const known = isFolder(source) ? await knownByFolder(work, options) : await knownByList(work, options);
  const { features, rows, ownRows } = known;
  const classes = [...new Set(known.labels)].sort();
  refuseTooFew(source, classes);
  const labels = Int32Array.from(known.labels, (label) => classes.indexOf(label)); // [n]
  const answers = classifyRows(features, rows, labels, classes.length);
  const isKnown = new Set(rows);
  const open = Array.from({ length: ownRows }, (_, row) => row).filter((row) => !isKnown.has(row));
  const { dataset } = work.pictures;
  const pictures = open.map((row) => answerAt(dataset, features, row, classes, answers));
  const doubts = pictures.map(({ confidence, secondConfidence }) => 1 - (confidence - secondConfidence));
  const instructive = mostInstructive(centred(features), open, doubts, teach).map((i) => pictures[i]!);
  return {
    representation: work.representation.name,
    data: dataset.name,
    classes,
    labelled: classes.map((_, label) => labels.filter((own) => own === label).length),
    pictures: [...pictures].sort(
      (a, b) => classes.indexOf(a.label) - classes.indexOf(b.label) || b.confidence - a.confidence,
    ),
    teach: instructive,
    calibration: answers.calibration,
    badFiles: features.badFiles.map(({ name, reason }) => ({ name, reason })),
  };
}

function isFolder(path: string): boolean {
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind) return kind.isDirectory();
  throw new SelfsightError(
    "data",
    `classify: ${displayName(path)} is not there; a CSV of pictures and classes, or a folder with one sub-folder a class, is needed; check the path`,
  );
}

async function knownByList(work: OpenWork, options: ClassifyOptions): Promise<Known> {
  const { dataset } = work.pictures;
  const labels = readLabelList(options.labels, dataset); // before any work
  const features = await featuresOf(work, options);
  const rows = Array.from(features.indices.keys()).filter((row) => labels.has(features.indices[row]!));
  return { features, rows, labels: rows.map((row) => labels.get(features.indices[row]!)!), ownRows: features.length };
}

/** Examples may lie inside the folder of the data; they are then no pictures without a label. */
async function knownByFolder(work: OpenWork, options: ClassifyOptions): Promise<Known> {
  const { pictures, representation } = work;
  const examples = await openDataset(options.labels, { split: "all", rules: options.rules });
  if (!examples.labels || !examples.classes || examples.kind !== "folder") throw unlabelled(options.labels);
  const features = await featuresOf(work, options);
  const own = await extractFeatures(representation, examples, { ...options.reading, onProgress: () => {} });
  const classOf = new Map(
    Array.from(examples.files, ({ path }, place) => [
      Buffer.from(path).toString("latin1"),
      examples.classes![examples.labels![place]!]!,
    ]),
  );
  const pathAt = (row: number) =>
    pictures.dataset.kind === "folder"
      ? Buffer.from(pictures.dataset.files.at(features.indices[row]!)!.path).toString("latin1")
      : "";
  const inside = Array.from(features.indices.keys()).filter((row) => classOf.has(pathAt(row)));
  const insidePaths = new Set(inside.map(pathAt));
  const outside = Array.from(own.indices.keys()).filter(
    (row) => !insidePaths.has(Buffer.from(examples.files.at(own.indices[row]!)!.path).toString("latin1")),
  );
  return {
    features: { ...features, ...joinedRows(features, own, outside), badFiles: [...features.badFiles, ...own.badFiles] },
    rows: [...inside, ...outside.map((_, i) => features.length + i)],
    labels: [
      ...inside.map((row) => classOf.get(pathAt(row))!),
      ...outside.map((row) => examples.classes![own.labels![row]!]!),
    ],
    ownRows: features.length,
  };
}

function joinedRows(first: Features, second: Features, rows: readonly number[]) {
  const { dimensions } = first;
  const values = new Float32Array((first.length + rows.length) * dimensions); // [N, D]
  values.set(first.values);
  for (const [i, row] of rows.entries())
    values.set(second.values.subarray(row * dimensions, (row + 1) * dimensions), (first.length + i) * dimensions);
  return { values, length: first.length + rows.length };
}

function answerAt(
  dataset: Dataset,
  features: Features,
  row: number,
  classes: string[],
  { confidences }: Answers,
): ClassifiedPicture {
  const own = confidences.subarray(row * classes.length, (row + 1) * classes.length);
  const [best, second] = Array.from(own.keys()).sort((a, b) => own[b]! - own[a]!) as [number, number];
  const index = features.indices[row]!;
  return {
    name: pictureName(dataset, index),
    index,
    label: classes[best]!,
    confidence: own[best]!,
    second: classes[second]!,
    secondConfidence: own[second]!,
  };
}

const unlabelled = (folder: string) =>
  new SelfsightError(
    "data",
    `classify: ${displayName(folder)} has no classes; one sub-folder of examples for each is needed; put the examples of each class in a sub-folder of their own, or give a CSV`,
  );

function refuseTooFew(source: string, classes: readonly string[]): void {
  if (classes.length >= 2) return;
  throw new SelfsightError(
    "data",
    `classify: ${displayName(source)} names ${classes.length === 0 ? "no class" : `only ${displayName(classes[0]!)}`}; examples of two classes or more are needed; label some pictures of another`,
  );
}
