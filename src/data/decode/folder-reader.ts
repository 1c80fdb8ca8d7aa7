// Decodes the files of a folder ahead of their turn and gives them out in order, whatever order they are finished in.
import { SelfsightError } from "../../errors.ts";
import type { ImageFolder, RawImage } from "../dataset.ts";
import type { EpochOrder, Turn } from "../epoch-order.ts";
import type { Decoded, DecodePool } from "./pool.ts";

export interface ReadSample {
  epoch: number;
  index: number;
  image: RawImage;
}

export interface FolderReading {
  folder: ImageFolder;
  order: EpochOrder;
  pool: DecodePool;
  /** Samples decoded or being decoded at any time. */
  ahead: number;
  badFiles: BadFiles;
  /** Whether a bad file's place is taken by another file. */
  replaces: boolean;
}

/** The files found bad, and how many more are borne. */
export interface BadFiles {
  quarantine: Set<number>;
  /** More bad files than this stop the reading. */
  most: number;
  onBadFile: ((index: number, error: SelfsightError) => void) | undefined;
}

interface Pending extends Turn {
  decoded: Promise<Decoded>;
}

/** Bad files one after the other that stop the reading: a disk or a share that went away, rather than single bad files. */
const mostInARow = 100;

/** The good samples in order. Bad files are reported once, in the order of their turns, and left out. */
export async function* goodSamples(reading: FolderReading): AsyncGenerator<ReadSample> {
  const pending: Pending[] = [];
  let badInARow = 0;
  for (;;) {
    fill(pending, reading);
    const turn = pending.shift();
    if (turn === undefined) return;
    const decoded = await turn.decoded;
    if ("image" in decoded) {
      badInARow = 0;
      yield { epoch: turn.epoch, index: turn.index, image: decoded.image };
    } else {
      condemn(turn.index, decoded.error, ++badInARow, reading);
      if (reading.replaces) replace(turn, pending, reading.order);
    }
  }
}

function fill(pending: Pending[], { folder, order, pool, ahead }: FolderReading): void {
  while (pending.length < ahead) {
    const turn = order.next();
    if (turn === undefined) return;
    const decoded = pool.decode(folder.files[turn.index]!);
    decoded.catch(() => {}); // a failed pool is met when the turn comes
    pending.push({ ...turn, decoded });
  }
}

/** Lets the samples behind a bad one move up; what was decoded for later epochs is decoded again when its turn comes. */
function replace(bad: Turn, pending: Pending[], order: EpochOrder): void {
  const kept = pending.filter(({ epoch }) => epoch === bad.epoch);
  const discarded = pending.splice(kept.length).length;
  order.oneMoreAfter(kept.at(-1) ?? bad, discarded);
}

function condemn(index: number, error: SelfsightError, inARow: number, { folder, badFiles }: FolderReading): void {
  const { quarantine, most, onBadFile } = badFiles;
  if (quarantine.has(index)) return;
  quarantine.add(index);
  onBadFile?.(index, error);
  if (quarantine.size > most) throw tooMany(folder, quarantine.size, `at most ${most} are borne`, error);
  if (inARow >= mostInARow) throw tooMany(folder, inARow, "so many in a row mean that the folder went away", error);
}

function tooMany(folder: ImageFolder, bad: number, limit: string, last: SelfsightError): SelfsightError {
  return new SelfsightError(
    "data",
    `reading ${folder.name}: ${bad} of ${folder.length} files are bad, ${limit}; the last one: ${last.message} ` +
      "Repair or remove them, or raise maxBadShare.",
    { cause: last },
  );
}
