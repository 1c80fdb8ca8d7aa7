// The kind of a picture by its first bytes. The decoder chooses by content, so a name must not be what lets a file in.

/** The kinds that are read, with the extensions people know them by. */
export const acceptedTypes = "JPEG (.jpg, .jpeg), PNG, WebP, GIF, TIFF (.tif, .tiff) and AVIF";

/** How many bytes `imageType` wants to see. */
export const sniffedBytes = 64;

export type ImageType = "jpeg" | "png" | "webp" | "gif" | "tiff" | "avif";

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
];

/** Kinds that are often met and not read, so that the reason can name them. */
const foreign: readonly [name: string, matches: (head: Buffer) => boolean][] = [
  ["a HEIC picture", (head) => text(head, 4, 8) === "ftyp" && /hei[cfx]|mif1/.test(text(head, 8, 40))],
  ["a video", (head) => text(head, 4, 8) === "ftyp"],
  ["a BMP picture", (head) => text(head, 0, 2) === "BM"],
  ["an SVG or XML file", (head) => /^\s*<(\?xml|svg|!DOCTYPE)/i.test(text(head, 0, sniffedBytes))],
  ["a PDF file", startsWith("25504446")],
  ["a zip archive", startsWith("504b0304")],
];

/** The kind of picture that these first bytes begin, or undefined. */
export const imageType = (head: Buffer): ImageType | undefined => signatures.find(({ matches }) => matches(head))?.type;

/** Why a file with these first bytes is not read. */
export function whyNotAnImage(head: Buffer): string {
  if (head.length === 0) return "empty file";
  const name = foreign.find(([, matches]) => matches(head))?.[0];
  return name === undefined ? "not a picture by its first bytes" : `${name}, which is not read`;
}
