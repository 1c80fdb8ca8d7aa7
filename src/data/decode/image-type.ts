// The kind of a picture by its first bytes. The decoder chooses by content, so a name must not be what lets a file in.
import sharp from "sharp";
import { bmpKind } from "./bmp.ts";

/** The kinds that are read, with the extensions people know them by. */
export const acceptedTypes = "JPEG (.jpg, .jpeg), PNG, WebP, GIF, TIFF (.tif, .tiff), BMP and AVIF";

/** Whether the libvips that sharp found takes HEIC in; the one that it brings decodes AV1 alone. */
const readsHeic = sharp.format.heif?.input.fileSuffix?.includes(".heic") === true;

/** How many bytes `imageType` wants to see. */
export const sniffedBytes = 64;

export type ImageType = "jpeg" | "png" | "webp" | "gif" | "tiff" | "avif" | "bmp" | "heic";

interface Signature {
  type: ImageType;
  matches(head: Buffer): boolean;
}

const startsWith = (hex: string) => {
  const bytes = Buffer.from(hex, "hex");
  return (head: Buffer) => head.subarray(0, bytes.length).equals(bytes);
};
const text = (head: Buffer, from: number, to: number) => head.toString("latin1", from, to);

const signatures: readonly Signature[] = [
  { type: "jpeg", matches: startsWith("ffd8ff") },
  { type: "png", matches: startsWith("89504e470d0a1a0a") },
  { type: "webp", matches: (head) => text(head, 0, 4) === "RIFF" && text(head, 8, 12) === "WEBP" },
  { type: "gif", matches: (head) => text(head, 0, 4) === "GIF8" },
  { type: "tiff", matches: startsWith("49492a00") },
  { type: "tiff", matches: startsWith("4d4d002a") },
  { type: "avif", matches: (head) => text(head, 4, 8) === "ftyp" && /avi[fs]/.test(text(head, 8, 40)) },
  { type: "bmp", matches: (head) => bmpKind(head) === "plain" },
];

const isHeic = (head: Buffer): boolean => text(head, 4, 8) === "ftyp" && /hei[cfx]|mif1/.test(text(head, 8, 40));

/** Kinds that are often met and not read, so that the reason can name them. */
const foreign: readonly [reason: string, matches: (head: Buffer) => boolean][] = [
  ["a HEIC picture, which this libvips cannot decode (convert it to JPEG)", isHeic],
  ["a video, which is not read", (head) => text(head, 4, 8) === "ftyp"],
  ["a compressed BMP picture, which is not read (save it without RLE)", (head) => bmpKind(head) === "compressed"],
  ["an SVG or XML file, which is not read", (head) => /^\s*<(\?xml|svg|!DOCTYPE)/i.test(text(head, 0, sniffedBytes))],
  ["a PDF file, which is not read", startsWith("25504446")],
  ["a zip archive, which is not read", startsWith("504b0304")],
];

/** The kind of picture that these first bytes begin, or undefined. */
export function imageType(head: Buffer, takesHeic = readsHeic): ImageType | undefined {
  return signatures.find(({ matches }) => matches(head))?.type ?? (takesHeic && isHeic(head) ? "heic" : undefined);
}

/** Why a file with these first bytes is not read. */
export function whyNotAnImage(head: Buffer): string {
  if (head.length === 0) return "empty file";
  return foreign.find(([, matches]) => matches(head))?.[0] ?? "not a picture by its first bytes";
}
