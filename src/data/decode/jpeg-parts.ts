// What a JPEG's decoder warns of and every viewer passes over, taken out of the file. Whether the rest is sound is for the
// decoder to say: it decodes what is returned here as strictly as anything else.

/** A copy without its peculiarities, and what they were. */
export interface Mended {
  bytes: Buffer;
  remark: string;
}

const startOfScan = 0xda;
const endOfImage = 0xd9;
/** Frames that are coded in one pass: baseline and extended sequential. */
const sequentialFrames = [0xc0, 0xc1];

/** The file without bytes between its parts, and with the one selection of coefficients that a sequential scan may have. */
export function mendJpeg(bytes: Buffer): Mended | undefined {
  const parts: Buffer[] = [bytes.subarray(0, 2)];
  const remarks = new Set<string>();
  let isSequential = false;
  for (let at = 2; at < bytes.length; ) {
    const start = nextMarker(bytes, at);
    if (start > at) remarks.add("bytes between the parts of a JPEG");
    const marker = bytes[start + 1];
    if (marker === undefined || marker === endOfImage) {
      parts.push(bytes.subarray(start));
      break;
    }
    const end = marker === startOfScan ? endOfScan(bytes, start) : endOfPart(bytes, start);
    isSequential ||= sequentialFrames.includes(marker);
    const part = bytes.subarray(start, end);
    const mended = marker === startOfScan && isSequential ? withWholeRange(part) : part;
    if (mended !== part) remarks.add("a JPEG scan that names no coefficients");
    parts.push(mended);
    at = end;
  }
  return remarks.size === 0 ? undefined : { bytes: Buffer.concat(parts), remark: [...remarks].join(" and ") };
}

const isMarker = (bytes: Buffer, at: number) => bytes[at] === 0xff && bytes[at + 1] !== 0 && bytes[at + 1] !== 0xff;

function nextMarker(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length - 1; at++) if (isMarker(bytes, at)) return at;
  return bytes.length;
}

/** A part begins with its marker and its length, which counts itself. */
const endOfPart = (bytes: Buffer, start: number): number =>
  start + 4 <= bytes.length ? start + 2 + Math.max(2, bytes.readUInt16BE(start + 2)) : bytes.length;

/** Behind a scan's header lie its coded pixels, with restart markers (0xd0 to 0xd7) among them. */
function endOfScan(bytes: Buffer, start: number): number {
  let at = nextMarker(bytes, endOfPart(bytes, start));
  while (at < bytes.length && bytes[at + 1]! >= 0xd0 && bytes[at + 1]! <= 0xd7) at = nextMarker(bytes, at + 2);
  return at;
}

/** The header of a sequential scan says coefficients 0 to 63, at full precision; the same part where it does. */
function withWholeRange(scan: Buffer): Buffer {
  const at = 5 + 2 * (scan[4] ?? 0);
  const range = Buffer.from([0, 63, 0]);
  if (at + 3 > scan.length || scan.subarray(at, at + 3).equals(range)) return scan;
  return Buffer.concat([scan.subarray(0, at), range, scan.subarray(at + 3)]);
}
