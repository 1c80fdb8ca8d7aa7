// The members of a tar file on disk, by their headers alone: 512 bytes are read for each.
import { type Entry, type OpenArchive, readAt, refusal } from "./archive.ts";
import { blockBytes, paddedBytes, readHeader, type TarHeader, upToZero } from "./tar-header.ts";

/** Names and notes that stand before a member; longer ones are no names. */
const mostNoteBytes = 1 << 20;

/** What was said of the next member before its own header. */
interface Notes {
  name?: Buffer;
  size?: number;
}

/** In the archive's order. Errors: data, with the byte at which it is cut off or damaged. */
export async function* tarMembers(archive: OpenArchive): AsyncGenerator<Entry> {
  let notes: Notes = {};
  for (let offset = 0; ; ) {
    const damaged = (what: string) => refusal(archive.path, `${what} at byte ${offset}`, "use a whole copy");
    const block = await readAt(archive, offset, blockBytes);
    if (block.length < blockBytes) throw damaged("the archive ends");
    if (block.every((byte) => byte === 0)) return;
    const header = readHeader(block, damaged);
    const start = offset + blockBytes;
    const size = header.isFile ? (notes.size ?? header.size) : header.size;
    if (start + size > archive.size)
      throw damaged(`a member of ${size} bytes, of which ${archive.size - start} are there,`);
    if ("xL".includes(header.kind)) notes = { ...notes, ...(await notesOf(archive, header, start, damaged)) };
    else if (header.kind !== "g") {
      yield entryOf(header, notes.name ?? header.name, start, size);
      notes = {};
    }
    offset = start + paddedBytes(size);
  }
}

const kinds: Record<string, string> = {
  "1": "hard link in an archive",
  "2": "link in an archive",
  "3": "device in an archive",
  "4": "device in an archive",
  "6": "FIFO in an archive",
  S: "sparse file in an archive",
};

function entryOf({ kind, isFile }: TarHeader, name: Buffer, offset: number, size: number): Entry {
  if (isFile) return { name, offset, length: size, bytes: size, isDeflated: false };
  return { name, reason: kind === "5" ? "folder" : (kinds[kind] ?? "unknown kind of member") };
}

async function notesOf(
  archive: OpenArchive,
  { kind, size }: TarHeader,
  start: number,
  damaged: (what: string) => Error,
): Promise<Notes> {
  if (size > mostNoteBytes) throw damaged(`a name of ${size} bytes`);
  const bytes = await readAt(archive, start, size);
  return kind === "L" ? { name: upToZero(bytes) } : paxNotes(bytes, damaged);
}

/** PAX: lines of `LENGTH KEY=VALUE`, the length in bytes and of the whole line. */
function paxNotes(bytes: Buffer, damaged: (what: string) => Error): Notes {
  const notes: Notes = {};
  for (let at = 0; at < bytes.length; ) {
    const length = Number.parseInt(bytes.toString("latin1", at, at + 20), 10);
    const line = bytes.subarray(at, at + length);
    const [space, equals] = [line.indexOf(" "), line.indexOf("=")];
    if (!(length > 0) || line.length < length || space < 0 || equals < space)
      throw damaged("notes on a member that cannot be read");
    const [key, value] = [line.toString("latin1", space + 1, equals), line.subarray(equals + 1, -1)];
    if (key === "path") notes.name = value;
    if (key === "size") notes.size = wholeNumber(value, damaged);
    at += length;
  }
  return notes;
}

function wholeNumber(value: Buffer, damaged: (what: string) => Error): number {
  const number = Number(value.toString("latin1"));
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw damaged("a member size that is no whole number");
}
