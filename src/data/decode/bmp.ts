// Windows bitmaps, which the decoder of all other kinds does not read: plain ones of 1 to 32 bits, rows from the bottom or the top.

/** Pixels as they are stored, from the top. */
export interface Bitmap {
  pixels: Uint8Array; // [H, W, 4], red, green, blue, opacity
  height: number;
  width: number;
  /** Whether the file holds a colour profile of its own; it is not read. */
  hasProfile: boolean;
}

interface Header {
  width: number;
  height: number;
  isFromTop: boolean;
  bits: number;
  /** Bytes of the header behind the file's first 14. */
  size: number;
  compression: number;
  /** Where the pixels begin. */
  start: number;
}

const fileHeaderBytes = 14;
/** Of the versions that programs wrote; the first is OS/2's. */
const headerSizes = [12, 40, 52, 56, 64, 108, 124];
const plain = 0;
const withMasks = 3;
/** Of 16 bits without masks: five for each colour. */
const masksOf16 = [0x7c00, 0x3e0, 0x1f, 0];
const masksOf32 = [0xff0000, 0xff00, 0xff, 0];

/** Whether these first bytes are a bitmap's: one that is read, one that is compressed, or none. */
export function bmpKind(head: Buffer): "plain" | "compressed" | undefined {
  const isBitmap =
    head.length >= 34 && head.toString("latin1", 0, 2) === "BM" && headerSizes.includes(head.readUInt32LE(14));
  if (!isBitmap) return undefined;
  return [plain, withMasks].includes(headerOf(head).compression) ? "plain" : "compressed";
}

/** Width and height by the header alone. */
export const bmpSize = (head: Buffer): Pick<Header, "width" | "height"> => headerOf(head);

function headerOf(head: Buffer): Header {
  const size = head.readUInt32LE(14);
  const start = head.readUInt32LE(10);
  const [width, signed, bits, compression] =
    size === 12
      ? [head.readUInt16LE(18), head.readUInt16LE(20), head.readUInt16LE(24), plain]
      : [head.readInt32LE(18), head.readInt32LE(22), head.readUInt16LE(28), head.readUInt32LE(30)];
  return { width, height: Math.abs(signed), isFromTop: signed < 0, bits, size, compression, start };
}

/** Errors: plain ones, in words that may stand behind the file's name. */
export function decodeBmp(bytes: Buffer): Bitmap {
  const header = headerOf(bytes);
  const { width, height, isFromTop, bits, start, size } = header;
  const rowBytes = 4 * Math.ceil((bits * width) / 32);
  if (width < 1 || height < 1) throw new Error(`its header says ${width}x${height} pixels`);
  if (start + rowBytes * (height - 1) + Math.ceil((bits * width) / 8) > bytes.length)
    throw new Error("the file ends before its pixels do");
  const copyPixel = pixelReader(bytes, header);
  const pixels = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    const row = start + rowBytes * (isFromTop ? y : height - 1 - y);
    for (let x = 0; x < width; x++) copyPixel(pixels, 4 * (y * width + x), row, x);
  }
  const hasProfile = size >= 124 && bytes.toString("latin1", 70, 74) === "DEBM"; // "MBED", little-endian
  return { pixels: hasNoOpacity(pixels) ? opaque(pixels) : pixels, height, width, hasProfile };
}

type CopyPixel = (pixels: Uint8Array, to: number, row: number, x: number) => void;

function pixelReader(bytes: Buffer, header: Header): CopyPixel {
  const { bits } = header;
  if ([1, 4, 8].includes(bits)) return paletteReader(bytes, header);
  if (bits === 24) return (pixels, to, row, x) => copyBgr(bytes, row + 3 * x, pixels, to);
  if (bits === 16 || bits === 32) return maskReader(bytes, header);
  throw new Error(`it has ${bits} bits a pixel, which no bitmap has`);
}

function copyBgr(bytes: Buffer, from: number, pixels: Uint8Array, to: number): void {
  for (let c = 0; c < 3; c++) pixels[to + c] = bytes[from + 2 - c] ?? 0;
  pixels[to + 3] = 255;
}

/** Numbers of colours, the first in the high bits of a byte; a colour has 4 bytes in the palette, 3 in OS/2's. */
function paletteReader(bytes: Buffer, { bits, size }: Header): CopyPixel {
  const palette = fileHeaderBytes + size;
  const entry = size === 12 ? 3 : 4;
  const perByte = 8 / bits;
  return (pixels, to, row, x) => {
    const shift = 8 - bits * ((x % perByte) + 1);
    const number = (bytes[row + Math.floor(x / perByte)]! >> shift) & (2 ** bits - 1);
    copyBgr(bytes, palette + entry * number, pixels, to);
  };
}

/** 16 or 32 bits of which masks say which are red, green, blue and opacity. */
function maskReader(bytes: Buffer, { bits, size, compression }: Header): CopyPixel {
  const masks = compression === withMasks ? masksOf(bytes, size) : bits === 16 ? masksOf16 : masksOf32;
  const parts = masks.map((mask) => ({
    mask,
    lowest: mask & -mask,
    most: mask >>> Math.log2((mask & -mask) >>> 0 || 1),
  }));
  return (pixels, to, row, x) => {
    const value = bits === 16 ? bytes.readUInt16LE(row + 2 * x) : bytes.readUInt32LE(row + 4 * x);
    parts.forEach(({ mask, lowest, most }, c) => {
      pixels[to + c] = mask === 0 ? 255 : Math.round((255 * (((value & mask) >>> 0) / (lowest >>> 0))) / most);
    });
  };
}

/** They stand behind a header of 40 bytes and within the longer ones; of opacity only longer ones tell. */
const masksOf = (bytes: Buffer, size: number): number[] =>
  [54, 58, 62, 66].map((at) => (at === 66 && size < 56 ? 0 : bytes.readUInt32LE(at)));

/** Many programs leave the opacity 0 and mean all of the picture. */
function hasNoOpacity(pixels: Uint8Array): boolean {
  for (let at = 3; at < pixels.length; at += 4) if (pixels[at] !== 0) return false;
  return true;
}

function opaque(pixels: Uint8Array): Uint8Array {
  for (let at = 3; at < pixels.length; at += 4) pixels[at] = 255;
  return pixels;
}
