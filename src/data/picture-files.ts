// N pictures
import { CallError } from "../errors.ts";

export interface ImageFile {
  /** Bytes, because a file name need not be valid UTF-8. */
  path: Uint8Array;
  /** Where in that file the picture lies, of a member of an archive. */
  part?: FilePart;
  /** The path below the root as text, see `nameOfBytes`. */
  label: string;
  bytes: number;
  /** When it was last changed, in seconds since 1970: what copies and archives keep of a time. */
  modifiedSeconds: number;
}

/** A stretch of a file that is a picture by itself. */
export interface FilePart {
  /** In bytes. */
  offset: number;
  /** In bytes, as it lies there. */
  length: number;
  /** Whether it has to be inflated. */
  isDeflated: boolean;
}

/** The pictures of a folder, in order. One is made when it is asked for, so that a million of them take little memory. */
export interface PictureFiles extends Iterable<ImageFile> {
  readonly length: number;
  /** The picture at this place, counted from 0; undefined where there is none. */
  at(index: number): ImageFile | undefined;
}

/** Those of `files` at `indices`, in that order. */
export const chosenFiles = (files: PictureFiles, indices: Uint32Array): PictureFiles =>
  madeWhenAsked(indices.length, (place) => files.at(indices[place]!)!);

/** Several lists as one, each file as `changed` makes it. */
export function concatenated(
  lists: readonly { files: PictureFiles; changed: (file: ImageFile) => ImageFile }[],
): PictureFiles {
  const length = lists.reduce((sum, { files }) => sum + files.length, 0);
  return madeWhenAsked(length, (index) => {
    let start = 0;
    for (const { files, changed } of lists) {
      if (index < start + files.length) return changed(files.at(index - start)!);
      start += files.length;
    }
    throw new CallError(`picture ${index} of ${length}: a place below ${length} is needed`);
  });
}

/** A list of `length` pictures, each made by `fileAt` when it is asked for. */
export function madeWhenAsked(length: number, fileAt: (index: number) => ImageFile): PictureFiles {
  return {
    length,
    at: (index) => (index >= 0 && index < length ? fileAt(index) : undefined),
    *[Symbol.iterator]() {
      for (let index = 0; index < length; index++) yield fileAt(index);
    },
  };
}
