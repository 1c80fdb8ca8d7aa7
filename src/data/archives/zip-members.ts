// The members of a zip file, by its directory; yauzl reads it, and finds where each member's data begin.
import { fromFdPromise, type Entry as ZipEntry, type ZipFile } from "yauzl";
import { type Entry, type OpenArchive, refusal } from "./archive.ts";

const methods = { stored: 0, deflated: 8 };

/** In the directory's order. Errors: data, where it is damaged. */
export async function* zipMembers(archive: OpenArchive): AsyncGenerator<Entry> {
  try {
    const zip = await fromFdPromise(archive.file.fd, { lazyEntries: true, autoClose: false, decodeStrings: false });
    for await (const entry of zip.eachEntry()) yield await entryOf(archive, zip, entry);
  } catch (cause) {
    const found = `a damaged zip (${cause instanceof Error ? cause.message : cause})`;
    throw refusal(archive.path, found, "use a whole copy", cause);
  }
}

async function entryOf({ size }: OpenArchive, zip: ZipFile, entry: ZipEntry): Promise<Entry> {
  const { fileNameRaw: name, compressionMethod: method, compressedSize: length, uncompressedSize: bytes } = entry;
  if (name.at(-1) === 0x2f) return { name, reason: "folder" };
  if (entry.isEncrypted()) return { name, reason: "encrypted member of a zip" };
  const isDeflated = method === methods.deflated;
  if (!isDeflated && method !== methods.stored) return { name, reason: `compressed by method ${method} in a zip` };
  const { fileDataStart: offset } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  if (offset + length > size) return { name, reason: "member that lies outside of its zip" };
  return { name, offset, length, bytes, isDeflated };
}
