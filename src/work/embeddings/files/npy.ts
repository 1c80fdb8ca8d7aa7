// NumPy's array file, version 1.0: a magic word, a header of Python text, the numbers row by row. N rows, D features
import { readRegularFile } from "../../../files.ts";
import { bytesOf, type RowFormat } from "./rows.ts";

const magic = Buffer.from("\x93NUMPY\x01\x00", "latin1");

/** Float32 [N, D] for `numpy.load`; names and classes stand in the file beside it. */
export const npyRows: RowFormat = {
  ending: ".npy",
  *write({ length, dimensions, chunks }) {
    const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${length}, ${dimensions}), }`;
    const padded = text.padEnd(Math.ceil((magic.length + 2 + text.length + 1) / 64) * 64 - magic.length - 3);
    const size = Buffer.alloc(2);
    size.writeUInt16LE(padded.length + 1);
    yield Buffer.concat([magic, size, Buffer.from(`${padded}\n`)]);
    for (const chunk of chunks()) yield bytesOf(chunk);
  },
  read(file) {
    const bytes = readRegularFile(file);
    if (!bytes.subarray(0, 8).equals(magic)) throw new Error("it is no .npy file of version 1.0");
    const start = 10 + bytes.readUInt16LE(8);
    const header = bytes.toString("latin1", 10, start);
    const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
    if (!shape || !header.includes("'descr': '<f4'") || !header.includes("'fortran_order': False"))
      throw new Error(`its header is ${header.trim()}; little-endian float32 [N, D], row by row, is needed`);
    const [length, dimensions] = [Number(shape[1]), Number(shape[2])];
    if (bytes.length - start !== 4 * length * dimensions)
      throw new Error(
        `it has ${bytes.length - start} bytes of numbers, [${length}, ${dimensions}] needs ${4 * length * dimensions}`,
      );
    return { features: new Float32Array(new Uint8Array(bytes.subarray(start)).buffer), dimensions };
  },
};
