// PyTorch's zip layout (1.6 and later): NAME/data.pkl, and each storage as NAME/data/KEY, never compressed. yauzl reads the directory
// of the zip; the members' bytes are read here, once, so that what was checked is what is used.
import { crc32 } from "node:zlib";
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from "yauzl";
import { displayName } from "../../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { FormatError } from "./faults.ts";
import { pickleBytesLimit, readPickle } from "./pickle.ts";
import { bytesPerElement } from "./safetensors-header.ts";
import { Storage, storageParts, torchWorld } from "./torch-objects.ts";

/** A checkpoint's pickled value, and where the numbers of its storages are. */
export interface TorchContainer {
  value: unknown;
  /** How numbers of several bytes lie. */
  isBigEndian: boolean;
  /** Errors: FormatError, where the file does not hold what the storage says; nothing is read. */
  check(storage: Storage): void;
  fill(bytes: Buffer, storage: Storage): Promise<void>;
  /** Errors: FormatError, where the bytes are not those that were written. */
  verify(bytes: Buffer, storage: Storage): void;
}

/** Members of one zip; checkpoints of large models have some thousand. */
const membersLimit = 100_000;

interface Member {
  name: string;
  entry: Entry;
}

/** Errors: FormatError, and UnsafeError for a pickle that asks for more than weights need. */
export async function openTorchZip(source: ByteSource): Promise<TorchContainer> {
  const members = await directoryOf(source);
  const root = rootOf(members);
  const memberOf = ({ key }: Storage) => memberCalled(members, `${root}data/${key}`);
  const pickle = memberCalled(members, `${root}data.pkl`);
  if (pickle.entry.uncompressedSize > pickleBytesLimit)
    throw new FormatError(`its data.pkl has ${pickle.entry.uncompressedSize} bytes, more than ${pickleBytesLimit}`);
  const bytes = contentOf(source, pickle);
  const { value, end } = readPickle(bytes, torchWorld(storageFrom));
  if (end !== bytes.length) throw new FormatError(`${bytes.length - end} bytes follow its pickle`);
  return {
    value,
    isBigEndian: isBigEndian(source, members, root),
    check: (storage) => checkSize(storage, memberOf(storage).entry),
    fill: (numbers, storage) => source.fill(numbers, dataStart(source, memberOf(storage))),
    verify: (numbers, storage) => verify(numbers, memberOf(storage)),
  };
}

function storageFrom(id: unknown): Storage {
  const { key, type, count } = storageParts(id);
  return new Storage(key, type, count);
}

/** Sizes are checked here, where the sentence can say more. */
const zipOptions = { lazyEntries: true, autoClose: false, strictFileNames: true, validateEntrySizes: false };

const windowBytes = 64 * 1024;

/** Serves yauzl's small reads, one behind the other, out of a window over the file, without the thread pool. */
class SourceReader extends RandomAccessReader {
  #start = 0;
  #window: Buffer = Buffer.alloc(0);

  constructor(readonly source: ByteSource) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (fault: Error | null) => void,
  ): void {
    let fault: Error | null = null;
    try {
      this.#bytes(position, length).copy(buffer, offset);
    } catch (cause) {
      fault = cause as Error;
    }
    done(fault);
  }

  #bytes(position: number, length: number): Buffer {
    const isInside = position >= this.#start && position + length <= this.#start + this.#window.length;
    if (!isInside) {
      this.#window = this.source.read(position, Math.max(length, Math.min(windowBytes, this.source.size - position)));
      this.#start = position;
    }
    return this.#window.subarray(position - this.#start, position - this.#start + length);
  }
}

async function directoryOf(source: ByteSource): Promise<Map<string, Member>> {
  try {
    const zip = await fromRandomAccessReaderPromise(new SourceReader(source), source.size, zipOptions);
    if (zip.entryCount > membersLimit)
      throw new FormatError(`it has ${zip.entryCount} members, more than ${membersLimit}`);
    const members = new Map<string, Member>();
    for await (const entry of zip.eachEntry()) addMember(members, entry);
    refuseOverlaps([...members.values()], source.size);
    return members;
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(`its zip directory is damaged (${displayName((cause as Error).message)})`);
  }
}

function addMember(members: Map<string, Member>, entry: Entry): void {
  const name = entry.fileName;
  const label = displayName(name);
  if (members.has(name)) throw new FormatError(`it has two members ${label}`);
  if (/^[^/]+\/code\//.test(name)) throw new FormatError("it is a TorchScript program, not a state_dict");
  if (entry.isEncrypted()) throw new FormatError(`its member ${label} is encrypted`);
  if (entry.compressionMethod !== 0)
    throw new FormatError(`its member ${label} is compressed, which PyTorch never does`);
  if (entry.compressedSize !== entry.uncompressedSize)
    throw new FormatError(`its member ${label} has two sizes, ${entry.compressedSize} and ${entry.uncompressedSize}`);
  members.set(name, { name, entry });
}

/** Bytes of a local header before its name. */
const localHeaderBytes = 30;

/** Two members that share bytes would be one file to one program and another to the next. */
function refuseOverlaps(members: readonly Member[], size: number): void {
  let [end, before] = [0, ""];
  for (const { name, entry } of members.toSorted(
    (a, b) => a.entry.relativeOffsetOfLocalHeader - b.entry.relativeOffsetOfLocalHeader,
  )) {
    const start = entry.relativeOffsetOfLocalHeader;
    if (before === "" && start !== 0) throw new FormatError(`${start} bytes stand before its first member`);
    if (start < end) throw new FormatError(`its members ${displayName(before)} and ${displayName(name)} overlap`);
    end = start + localHeaderBytes + entry.fileNameRaw.length + entry.compressedSize;
    if (end > size) throw new FormatError(`its member ${displayName(name)} reaches past the end of the file`);
    before = name;
  }
}

function rootOf(members: ReadonlyMap<string, Member>): string {
  const roots = [...members.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const root = roots[0]?.slice(0, -"data.pkl".length);
  if (root === undefined || roots.length > 1)
    throw new FormatError(`it is a zip file with ${roots.length} data.pkl; PyTorch's has one`);
  return root;
}

function memberCalled(members: ReadonlyMap<string, Member>, name: string): Member {
  const found = members.get(name);
  if (!found) throw new FormatError(`its member ${displayName(name)} is missing`);
  return found;
}

function checkSize(storage: Storage, { uncompressedSize }: Entry): void {
  if (uncompressedSize !== storage.bytes)
    throw new FormatError(`storage ${storage.key} is said to have ${storage.bytes} bytes, it has ${uncompressedSize}`);
}

/** A member's bytes. Errors: FormatError, where its own header says otherwise than the directory, or its checksum differs. */
function contentOf(source: ByteSource, member: Member): Buffer {
  const bytes = source.read(dataStart(source, member), member.entry.uncompressedSize);
  verify(bytes, member);
  return bytes;
}

function verify(bytes: Buffer, { name, entry }: Member): void {
  if (crc32(bytes) !== entry.crc32) throw new FormatError(`the checksum of its member ${displayName(name)} differs`);
}

/** Behind the member's own header: signature, method, and the lengths of its name and of a field that PyTorch fills up to 64 bytes with. */
function dataStart(source: ByteSource, { name, entry }: Member): number {
  const start = entry.relativeOffsetOfLocalHeader;
  const header = source.read(start, localHeaderBytes + entry.fileNameRaw.length);
  const isSame =
    header.toString("latin1", 0, 4) === "PK\x03\x04" &&
    header.readUInt16LE(8) === 0 &&
    header.readUInt16LE(26) === entry.fileNameRaw.length &&
    header.subarray(localHeaderBytes).equals(entry.fileNameRaw);
  if (!isSame) throw new FormatError(`its member ${displayName(name)} is called otherwise in its own header`);
  return start + header.length + header.readUInt16LE(28);
}

function isBigEndian(source: ByteSource, members: ReadonlyMap<string, Member>, root: string): boolean {
  const member = members.get(`${root}byteorder`);
  if (!member) return false; // PyTorch before 2.1 said nothing, and ran on little-endian machines
  const order = contentOf(source, member).toString("latin1").trim();
  if (order !== "little" && order !== "big") throw new FormatError("its byteorder is neither little nor big");
  return order === "big";
}

/** Turns the bytes of each number around, in place. */
export function swapBytes(bytes: Buffer, type: keyof typeof bytesPerElement): Buffer {
  const size = bytesPerElement[type];
  if (size === 2) return bytes.swap16();
  if (size === 4) return bytes.swap32();
  return size === 8 ? bytes.swap64() : bytes;
}
