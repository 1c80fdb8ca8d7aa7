// The pictures under a folder, in the byte-wise order of their relative names, whatever order the file system lists them in.
import { basename, dirname } from "node:path";
import { displayName, SelfsightError } from "../../errors.ts";
import {
  defaultRules,
  folderFingerprint,
  type ImageFolder,
  orderedFingerprint,
  type ReadingRules,
  type SampleRules,
  type SkippedFile,
} from "../dataset.ts";
import { acceptedTypes } from "../decode/image-type.ts";
import { below, emptyFiles, type PackedFiles, relativePath, unpacked } from "../packed-files.ts";
import { nameOfBytes } from "../picture-name.ts";
import { listedByReason } from "../said.ts";
import { keepListing, keptListing, type Listing } from "./kept-listing.ts";
import { lookInto } from "./look.ts";
import { asFolder, type Walk, type WalkedFolder, walkFolder } from "./walk.ts";

/** Up to this share of pictures beside two and more class folders are strays (a cover, a contact sheet), not a class of their own. */
const greatestStrayShare = 0.1;

/**
 * Opens every picture below `root`, labelled by first-level sub-folder. A few stray pictures beside two or more sub-folders are
 * left out; where more lie there, all are taken and none is labelled. Of very many pictures the listing is kept for the next time.
 */
export async function openImageFolder(
  root: string,
  name: string,
  rules: Partial<ReadingRules> = {},
): Promise<ImageFolder> {
  const whole = { ...defaultRules, ...rules };
  const { files, ...listing } = keptListing(root, whole) ?? (await listFolder(root, whole));
  const length = files.ends.length;
  if (length === 0) throw noPictures(root, listing.skipped);
  return { kind: "folder", name, length, root, files: unpacked(files), ...listing, rules: whole };
}

async function listFolder(root: string, rules: SampleRules): Promise<Listing> {
  const walk = await walkFolder(Buffer.from(root), rules);
  const files = packed(walk, leaveOutStrays(walk));
  walk.skipped.sort((a, b) => Buffer.compare(a.relative, b.relative));
  const listing = {
    files,
    ...folderLabels(files),
    fingerprint: fingerprintOf(files),
    skipped: walk.skipped.map(({ relative, reason }) => ({ label: nameOfBytes(relative), reason })),
  };
  keepListing(root, rules, walk, listing);
  return listing;
}

/** One picture as a dataset of its own. Errors: data, when it is none. */
export async function openImageFile(path: string, rules: Partial<ReadingRules> = {}): Promise<ImageFolder> {
  const whole = { ...defaultRules, ...rules };
  const seen = await lookInto(Buffer.from(path), whole);
  const label = nameOfBytes(Buffer.from(basename(path)));
  if (typeof seen === "string")
    throw new SelfsightError(
      "data",
      `opening ${displayName(path)}: ${seen}; ${acceptedTypes} are read; give a picture, or a folder of pictures`,
    );
  return {
    kind: "folder",
    name: label,
    length: 1,
    root: dirname(path),
    files: [{ path: Buffer.from(path), label, ...seen }],
    fingerprint: folderFingerprint([{ relative: Buffer.from(basename(path)), bytes: seen.bytes }]),
    skipped: [],
    rules: whole,
  };
}

const isPicture = ({ bytes }: WalkedFolder, index: number): boolean => !Number.isNaN(bytes[index]);

/** Every picture in the order of whole paths. */
function* picturesOf(folder: WalkedFolder): Generator<{ folder: WalkedFolder; index: number }> {
  let index = 0;
  for (const inside of folder.folders) {
    const end = asFolder(inside).subarray(folder.relative.length === 0 ? 0 : folder.relative.length + 1);
    for (; index < folder.ends.length && Buffer.compare(relativePath(folder, index), end) < 0; index++)
      if (isPicture(folder, index)) yield { folder, index };
    yield* picturesOf(inside);
  }
  for (; index < folder.ends.length; index++) if (isPicture(folder, index)) yield { folder, index };
}

/** Pictures of the root that lie beside class folders join the skipped; returns whether there are any such. */
function leaveOutStrays({ whole, skipped }: Walk): boolean {
  const loose = whole.bytes.reduce((count, _, index) => count + Number(isPicture(whole, index)), 0);
  const classes = whole.folders.map(countOf).filter((count) => count > 0);
  const all = classes.reduce((sum, count) => sum + count, loose);
  if (classes.length < 2 || loose > greatestStrayShare * all) return false;
  for (let index = 0; index < whole.ends.length; index++)
    if (isPicture(whole, index))
      skipped.push({ relative: relativePath(whole, index), reason: "a picture beside the class folders" });
  return true;
}

const countOf = (folder: WalkedFolder): number =>
  folder.folders.reduce(
    (sum, inside) => sum + countOf(inside),
    folder.bytes.reduce((count, bytes) => count + Number(!Number.isNaN(bytes)), 0),
  );

function packed({ root, whole }: Walk, isWithoutRoot: boolean): PackedFiles {
  const top = isWithoutRoot ? { ...whole, ends: new Float64Array(0) } : whole;
  let [length, nameBytes] = [0, 0];
  for (const { folder, index } of picturesOf(top)) {
    length++;
    nameBytes += below(folder.relative, relativePath(folder, index)).length;
  }
  const files = emptyFiles(root, length, nameBytes);
  let [place, end] = [0, 0];
  for (const { folder, index } of picturesOf(top)) {
    end += below(folder.relative, relativePath(folder, index)).copy(files.names, end);
    files.ends[place] = end;
    files.bytes[place] = folder.bytes[index]!;
    files.modifiedSeconds[place++] = folder.modifiedSeconds[index]!;
  }
  return files;
}

/** Labels by first-level sub-folder, in byte-wise order of the folders; none where pictures lie in the root itself. */
function folderLabels(files: PackedFiles): Pick<ImageFolder, "labels" | "classes"> {
  const labels = new Int32Array(files.ends.length); // [N]
  const classes: Buffer[] = [];
  for (let index = 0; index < labels.length; index++) {
    const relative = relativePath(files, index);
    const slash = relative.indexOf(0x2f);
    if (slash < 0) return {};
    const parent = relative.subarray(0, slash);
    if (!classes.at(-1)?.equals(parent)) classes.push(parent); // one after the other, because the files are in order
    labels[index] = classes.length - 1;
  }
  return { labels, classes: classes.map(nameOfBytes) };
}

function fingerprintOf(files: PackedFiles): string {
  function* named() {
    for (const [index, bytes] of files.bytes.entries()) yield { relative: relativePath(files, index), bytes };
  }
  return orderedFingerprint(files.ends.length, named());
}

/** Why an empty dataset is refused: where was looked, what is accepted, and what was found instead. */
function noPictures(root: string, skipped: readonly SkippedFile[]): SelfsightError {
  const others = `but ${skipped.length} other files or folders: ${listedByReason(skipped)}`;
  return new SelfsightError(
    "data",
    `opening ${displayName(root)}: no pictures, ${skipped.length === 0 ? "nothing found" : others}; ${acceptedTypes} are read, in ` +
      "sub-folders too; point to a folder that holds some.",
  );
}
