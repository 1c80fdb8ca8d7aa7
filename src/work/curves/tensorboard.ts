// TensorBoard's event files: records of a length, a message of event.proto and their checksums. Numbers are field numbers.
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { CurvePoint } from "./points.ts";

/** What stands at the start of a file. */
export const fileHeader = (seconds: number): Uint8Array =>
  record(
    new BinaryWriter()
      .tag(1, WireType.Bit64)
      .double(seconds)
      .tag(3, WireType.LengthDelimited)
      .string("brain.Event:2")
      .finish(),
  );

/** The scalars of a step. */
export function scalarRecord({ step, seconds, values }: CurvePoint): Uint8Array {
  const writer = new BinaryWriter().tag(1, WireType.Bit64).double(seconds).tag(2, WireType.Varint).int64(step);
  writer.tag(5, WireType.LengthDelimited).fork();
  for (const [name, value] of Object.entries(values)) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(name).tag(2, WireType.Bit32).float(value).join();
  }
  return record(writer.join().finish());
}

/** Length, its checksum, the message, its checksum. */
function record(message: Uint8Array): Uint8Array {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(message.length));
  head.writeUInt32LE(masked(head.subarray(0, 8)), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(masked(message));
  return Buffer.concat([head, message, tail]);
}

/** So that the checksum of what holds checksums is not a special one (TFRecord). */
function masked(bytes: Uint8Array): number {
  const checksum = crc32c(bytes);
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32C (Castagnoli); zlib's is another polynomial. */
export function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ table[(value ^ byte) & 0xff]!;
  return (value ^ 0xffffffff) >>> 0;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});
