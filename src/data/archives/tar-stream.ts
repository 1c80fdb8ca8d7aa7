// Reads a tar archive as a stream: 512-byte headers, each followed by its data padded to 512 bytes, then zero blocks.
// Nothing is extracted: regular files come out as a label and bytes; links, devices and folders are passed over.
import { displayName, SelfsightError } from "../../errors.ts";
import { blockBytes, paddedBytes, readHeader } from "./tar-header.ts";

export interface TarMember {
  /** The name as the archive gives it: a label, never a path to write to. */
  name: string;
  bytes: Buffer;
}

/**
 * The regular files of a tar archive, in its order, each whole in memory.
 *
 * @throws SelfsightError "data" naming `archive` and the offset where it is cut off, damaged or holds a member too large.
 */
export async function* regularFiles(
  stream: AsyncIterable<Buffer>,
  archive: string,
  maximumMemberBytes: number,
): AsyncGenerator<TarMember> {
  const reader = blockReader(stream, archive);
  for (;;) {
    const offset = reader.offset();
    const header = await reader.take(blockBytes);
    if (header.every((byte) => byte === 0)) return;
    const { name, size, isFile } = readHeader(header, (what) => damaged(archive, offset, what));
    if (size > maximumMemberBytes) throw damaged(archive, offset, `a member of ${size} bytes`);
    const bytes = await reader.take(paddedBytes(size));
    if (isFile) yield { name: name.toString("latin1"), bytes: bytes.subarray(0, size) };
  }
}

/** Takes byte counts off a stream of chunks of any size. */
function blockReader(stream: AsyncIterable<Buffer>, archive: string) {
  const chunks = stream[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let taken = 0;
  const more = async (): Promise<Buffer> => {
    const next = await chunks.next().catch((cause: unknown) => {
      throw damaged(archive, taken, cause instanceof Error ? cause.message : String(cause));
    });
    if (next.done) throw damaged(archive, taken, "the archive ends");
    return next.value;
  };
  return {
    offset: () => taken,
    async take(count: number): Promise<Buffer> {
      const parts: Buffer[] = [held];
      for (let have = held.length; have < count; have += parts.at(-1)!.length) parts.push(await more());
      const joined = Buffer.concat(parts);
      held = joined.subarray(count);
      taken += count;
      return joined.subarray(0, count);
    },
  };
}

function damaged(archive: string, offset: number, what: string): SelfsightError {
  return new SelfsightError(
    "data",
    `reading ${displayName(archive)}: ${what} at byte ${offset} of the unpacked archive; fetch it again.`,
  );
}
