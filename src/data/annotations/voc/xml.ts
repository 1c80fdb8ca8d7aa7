// One annotation file of PASCAL VOC. Entities are never expanded, and a file that declares some is refused.
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { readRegularFile } from "../../../files.ts";
import type { Box } from "../boxes.ts";

/** The largest of VOC has some 30 kB. */
const mostBytes = 4 * 1024 * 1024;

export interface VocObject {
  name: string;
  /** Numbers as they stand there, NaN where none does; from 0, right and bottom behind the last pixel. */
  box: Box | undefined;
  isDifficult: boolean;
}

export interface VocAnnotation {
  /** The picture's name as the file says it, which need not be so. */
  filename: string;
  /** 0 where the file does not say it. */
  width: number;
  height: number;
  objects: VocObject[];
}

const parser = new XMLParser({
  ignoreAttributes: true,
  processEntities: false,
  parseTagValue: false,
  isArray: (name) => name === "object",
});

type Fields = Readonly<Record<string, unknown>>;

/** Reads one file. Errors: plain ones whose message says what is wrong with it. */
export function readVocAnnotation(path: string): VocAnnotation {
  const bytes = readRegularFile(path);
  if (bytes.length > mostBytes) throw new Error(`it has ${bytes.length} bytes; ${mostBytes} are the most that is read`);
  return vocAnnotation(bytes.toString("utf8"));
}

/** The annotation in a text. Errors: plain ones. */
export function vocAnnotation(text: string): VocAnnotation {
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new Error("it declares a document type or entities, which are not read");
  const fault = XMLValidator.validate(text);
  if (fault !== true) throw new Error(`line ${fault.err.line}: ${fault.err.msg}`);
  const annotation = fieldsOf((parser.parse(text) as Fields).annotation);
  if (!annotation) throw new Error("it has no annotation element");
  const size = fieldsOf(annotation.size) ?? {};
  const objects = Array.isArray(annotation.object) ? annotation.object : [];
  return {
    filename: textOf(annotation.filename),
    ...sizeOf(sideOf(size.width), sideOf(size.height)),
    objects: objects.map(vocObject),
  };
}

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

function vocObject(object: unknown): VocObject {
  const fields = fieldsOf(object) ?? {};
  const box = fieldsOf(fields.bndbox);
  return {
    name: textOf(fields.name),
    box: box && vocBox(box),
    isDifficult: textOf(fields.difficult) === "1",
  };
}

/** VOC counts pixels from 1 and names the last one of a box. */
const vocBox = ({ xmin, ymin, xmax, ymax }: Fields): Box => [
  numberOf(xmin) - 1,
  numberOf(ymin) - 1,
  numberOf(xmax),
  numberOf(ymax),
];

const characters: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", apos: "'", quot: '"' };

/** XML's own five entities need no declaration. */
const textOf = (value: unknown): string =>
  typeof value === "string" ? value.replace(/&(lt|gt|amp|apos|quot);/g, (_, name: string) => characters[name]!) : "";

const numberOf = (value: unknown): number =>
  typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;

function sideOf(value: unknown): number {
  const side = numberOf(value);
  return Number.isInteger(side) && side > 0 && side <= 1e6 ? side : 0;
}

/** A size with one side missing is none. */
const sizeOf = (width: number, height: number) =>
  width > 0 && height > 0 ? { width, height } : { width: 0, height: 0 };
