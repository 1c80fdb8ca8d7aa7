// Archives that tests write byte by byte, sound and otherwise.
import { crc32, deflateRawSync } from "node:zlib";

/** A member of a tar; its size and checksum are right unless said otherwise. */
export interface TarMember {
  name: string | Buffer;
  bytes?: Buffer;
  /** Type flag; default a regular file. */
  kind?: string;
  /** The octal text in the header. */
  size?: string;
  /** What POSIX puts before the name. */
  prefix?: string;
}

function header({ name, bytes = Buffer.alloc(0), kind = "0", size, prefix }: TarMember): Buffer {
  const block = Buffer.alloc(512);
  block.set(typeof name === "string" ? Buffer.from(name, "latin1") : name, 0);
  block.write(size ?? bytes.length.toString(8).padStart(11, "0"), 124, "latin1");
  block.write(kind, 156, "latin1");
  if (prefix !== undefined) block.write("ustar\0", 257, "latin1");
  if (prefix !== undefined) block.write(prefix, 345, "latin1");
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0`, 148, "latin1");
  return block;
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);

export const tarOf = (...members: TarMember[]): Buffer =>
  Buffer.concat([
    ...members.flatMap((member) => [header(member), padded(member.bytes ?? Buffer.alloc(0))]),
    Buffer.alloc(1024),
  ]);

/** A GNU long name before the member that has it. */
export const longName = (name: string): TarMember => ({
  name: "././@LongLink",
  kind: "L",
  bytes: Buffer.from(`${name}\0`),
});

/** PAX notes on the next member. */
export function paxNotes(notes: Record<string, string>): TarMember {
  const lines = Object.entries(notes).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const length = Buffer.byteLength(rest) + String(Buffer.byteLength(rest) + 3).length;
    return `${length}${rest}`;
  });
  return { name: "notes", kind: "x", bytes: Buffer.from(lines.join("")) };
}

export interface ZipMember {
  name: string;
  bytes: Buffer;
  isDeflated?: boolean;
  isEncrypted?: boolean;
  method?: number;
  /** What the directory says of its size. */
  size?: number;
}

export function zipOf(...members: ZipMember[]): Buffer {
  const [parts, directory]: [Buffer[], Buffer[]] = [[], []];
  for (const {
    name,
    bytes,
    isDeflated = false,
    isEncrypted = false,
    method = isDeflated ? 8 : 0,
    size = bytes.length,
  } of members) {
    const packed = isDeflated ? deflateRawSync(bytes) : bytes;
    const data = isEncrypted ? Buffer.concat([Buffer.alloc(12), packed]) : packed;
    const common = Buffer.alloc(26); // from "version needed" to "extra length"
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(isEncrypted ? 1 : 0, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const offset = parts.reduce((sum, part) => sum + part.length, 0);
    parts.push(Buffer.from("PK\x03\x04", "latin1"), common, Buffer.from(name), data);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, tail, Buffer.from(name));
  }
  const [body, listing] = [Buffer.concat(parts), Buffer.concat(directory)];
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(listing.length, 8);
  end.writeUInt32LE(body.length, 12);
  return Buffer.concat([body, listing, Buffer.from("PK\x05\x06", "latin1"), end]);
}
