// The pictures below a folder as three columns of numbers and one of names.
// N pictures
import { madeWhenAsked, type PictureFiles } from "./picture-files.ts";
import { nameOfBytes } from "./picture-name.ts";

/** Names and facts of N pictures below one folder, side by side: 24 bytes a picture and its name. */
export interface PackedFiles {
  root: Buffer;
  /** Their paths below the root, one after the other. */
  names: Buffer;
  /** Where each path ends in `names`. */
  ends: Float64Array; // [N]
  bytes: Float64Array; // [N]
  modifiedSeconds: Float64Array; // [N]
}

/** Room for `length` pictures whose paths take `nameBytes` in all. */
export const emptyFiles = (root: Buffer, length: number, nameBytes: number): PackedFiles => ({
  root,
  names: Buffer.alloc(nameBytes),
  ends: new Float64Array(length),
  bytes: new Float64Array(length),
  modifiedSeconds: new Float64Array(length),
});

/** The path below the root of the picture at `index`. */
export const relativePath = ({ names, ends }: Pick<PackedFiles, "names" | "ends">, index: number): Buffer =>
  names.subarray(index === 0 ? 0 : ends[index - 1]!, ends[index]!);

/** The pictures that were packed. */
export const unpacked = (packed: PackedFiles): PictureFiles =>
  madeWhenAsked(packed.ends.length, (index) => {
    const relative = relativePath(packed, index);
    return {
      path: below(packed.root, relative),
      label: nameOfBytes(relative),
      bytes: packed.bytes[index]!,
      modifiedSeconds: packed.modifiedSeconds[index]!,
    };
  });

/** `name` inside `folder`, by their bytes. */
export const below = (folder: Buffer, name: Buffer): Buffer =>
  folder.length === 0 ? name : Buffer.concat([folder, slash, name]);

const slash = Buffer.from("/");
