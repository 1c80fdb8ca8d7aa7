// What the tags of a TIFF say of its samples (TIFF 6.0): the decoder takes numbers of any kind, and shows what is none of a display as noise.
import type { SampleRules } from "../dataset.ts";

/** The first picture's samples. */
export interface TiffSamples {
  /** Of one sample, the deepest. */
  bits: number;
  kind: "unsigned" | "signed" | "float" | "of no declared kind";
  /** Samples of one pixel. */
  bands: number;
  /** What they are: grey, RGB, ink ... */
  photometric: number;
  /** Of the bands behind the colours: 1 and 2 are opacity, 0 nothing that is known. */
  meanings: number[];
  hasProfile: boolean;
}

/** Bytes of the file from a place on; fewer where it ends. */
export type ReadAt = (offset: number, length: number) => Buffer | Promise<Buffer>;

const tagNumbers = {
  bits: 258,
  photometric: 262,
  bands: 277,
  meanings: 338,
  kind: 339,
  profile: 34675,
} as const;

const kinds = { 1: "unsigned", 2: "signed", 3: "float" } as const;
/** Colours of one pixel by photometric interpretation: grey twice, RGB, palette, mask, CMYK, YCbCr, Lab thrice. */
const colourBands: Record<number, number> = { 0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3 };
const greys = [0, 1];

/** Undefined where the tags cannot be followed; the decoder then says what is wrong with the file. */
export async function tiffSamples(read: ReadAt): Promise<TiffSamples | undefined> {
  try {
    const tags = await tagsOf(read);
    const one = async (tag: number, otherwise: number) => Math.max(...((await tags(tag)) ?? [otherwise]));
    const kind = await one(tagNumbers.kind, 1);
    return {
      bits: await one(tagNumbers.bits, 1),
      kind: kinds[kind as keyof typeof kinds] ?? "of no declared kind",
      bands: await one(tagNumbers.bands, 1),
      photometric: await one(tagNumbers.photometric, 1),
      meanings: (await tags(tagNumbers.meanings)) ?? [],
      hasProfile: (await tags(tagNumbers.profile, 0)) !== undefined,
    };
  } catch (cause) {
    if (cause instanceof RangeError) return undefined; // it points out of the file
    throw cause;
  }
}

/** Bytes of a value by its type; of other types no value is asked for. */
const valueBytes: Record<number, number> = { 1: 1, 3: 2, 4: 4 };
/** More of one tag are no tag of samples. */
const mostValues = 1024;

/** Looks up the values of a tag in the first directory; no more than `most` of them. */
async function tagsOf(read: ReadAt) {
  const head = await read(0, 8);
  const isBig = head.toString("latin1", 0, 2) === "MM";
  const number = (bytes: Buffer, at: number, size: number) =>
    isBig ? bytes.readUIntBE(at, size) : bytes.readUIntLE(at, size);
  const start = number(head, 4, 4);
  const count = number(await read(start, 2), 0, 2);
  const entries = await read(start + 2, 12 * count);
  return async (tag: number, most = mostValues): Promise<number[] | undefined> => {
    const at = Array.from({ length: count }, (_, i) => 12 * i).find((place) => number(entries, place, 2) === tag);
    if (at === undefined) return undefined;
    const size = valueBytes[number(entries, at + 2, 2)] ?? 1;
    const values = Math.min(most, number(entries, at + 4, 4));
    const isInside = size * values <= 4;
    const bytes = isInside ? entries.subarray(at + 8, at + 12) : await read(number(entries, at + 8, 4), size * values);
    return Array.from({ length: values }, (_, i) => number(bytes, i * size, size));
  };
}

/** Why these samples are not shown as they are, and what is needed: their meaning is declared, never guessed. Undefined where nothing is. */
export function undeclared(samples: TiffSamples, { range, bands }: SampleRules): string | undefined {
  if (samples.bits > 32) return `${samples.bits}-bit samples, which are not read (save them with 32 bits)`;
  const chosen = bands === null ? undeclaredBands(samples) : missingBand(samples.bands, bands);
  return chosen ?? (range === null ? undeclaredRange(samples) : undefined);
}

/** Undefined where all that were asked for are there. */
export function missingBand(found: number, asked: readonly number[]): string | undefined {
  const last = Math.max(...asked);
  return last > found ? `${found} bands, and band ${last} was asked for` : undefined;
}

function undeclaredBands({ bands, photometric, meanings }: TiffSamples): string | undefined {
  const more = bands - (colourBands[photometric] ?? 0);
  const isOpacity = more === 1 && (meanings[0] === 1 || meanings[0] === 2);
  if (more === 0 || isOpacity) return undefined;
  return `${bands} bands without a meaning (choose one or three of them, such as --bands 1,2,3)`;
}

function undeclaredRange({ bits, kind, photometric, hasProfile }: TiffSamples): string | undefined {
  const advice = (values: string) => `(set range to the values of black and white, such as --range ${values})`;
  if (kind === "float") return `float samples without a range ${advice("0 1")}`;
  if (kind !== "unsigned")
    return `samples ${kind === "signed" ? "with a sign" : kind} without a range ${advice("-1000 1000")}`;
  if (bits > 16) return `${bits}-bit samples without a range ${advice("0 100000")}`;
  const isInstrument = bits > 8 && greys.includes(photometric) && !hasProfile; // cameras and scanners say what their grey is
  return isInstrument
    ? `${bits}-bit grey samples without a range ${advice("0 4095, or 0 65535 for all of it")}`
    : undefined;
}
