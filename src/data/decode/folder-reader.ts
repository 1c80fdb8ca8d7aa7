// Decodes the files of a folder ahead of their turn and gives them out in order, whatever order they are finished in.
import { SelfsightError } from "../../errors.ts";
import type { ImageFolder, RawImage } from "../dataset.ts";
import type { EpochOrder, Turn } from "../epoch-order.ts";
import type { Decoded, DecodePool } from "./decode.ts";

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
  /** Told of a picture that was read in spite of something, each time that it is read. */
  onRemark: ((index: number, remark: string) => void) | undefined;
  /** The batch in which another file takes the place of a bad one; undefined where its place stays empty. */
  replacedFor?: number;
}

/** The files found bad, and how many more are borne. */
export interface BadFiles {
  quarantine: Set<number>;
  /** More bad files than this stop the reading; infinite: none do, nor so many in a row. */
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
      if (decoded.image.remark !== undefined) reading.onRemark?.(turn.index, decoded.image.remark);
      yield { epoch: turn.epoch, index: turn.index, image: decoded.image };
    } else {
      condemn(turn.index, decoded.error, ++badInARow, reading);
      if (reading.replacedFor !== undefined) replace(turn, pending, reading.order);
    }
  }
}

function fill(pending: Pending[], { folder, order, pool, ahead }: FolderReading): void {
  while (pending.length < ahead) {
    const turn = order.next();
    if (turn === undefined) return;
    const decoded = pool.decode(folder.files.at(turn.index)!);
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

/** What decides how many bad files are borne. */
type Bearing = Pick<FolderReading, "folder" | "badFiles" | "replacedFor">;

/** Leaves a file out from now on. Errors: data, when too many are bad. */
export function condemn(index: number, error: SelfsightError, inARow: number, reading: Bearing): void {
  const { quarantine, onBadFile } = reading.badFiles;
  if (quarantine.has(index)) return;
  quarantine.add(index);
  onBadFile?.(index, error);
  const limit = passedLimit(reading, inARow);
  if (limit !== undefined) throw tooMany(reading.folder, quarantine.size, limit, error);
}

interface Limit {
  passed: string;
  advice: string;
}

/** Which limit the bad files have passed. A folder that is only measured has no setting to raise. */
function passedLimit({ folder, badFiles, replacedFor }: Bearing, inARow: number): Limit | undefined {
  const { most, quarantine } = badFiles;
  if (most === Number.POSITIVE_INFINITY) return undefined;
  const good = folder.length - quarantine.size;
  const share = `at most ${most} are left out (maxBadShare ${folder.rules.maxBadShare})`;
  if (quarantine.size > most)
    return { passed: share, advice: replacedFor === undefined ? "" : ", or allow more with --set maxBadShare=SHARE" };
  if (replacedFor !== undefined && good < replacedFor)
    return {
      passed: `the ${good} others do not fill a batch of ${replacedFor}`,
      advice: good < 2 ? "" : `, or use --batch ${good} or less`,
    };
  if (inARow < mostInARow) return undefined;
  return {
    passed: `so many in a row (${inARow}) mean that the folder went away`,
    advice: ", or bring the folder back",
  };
}

function tooMany(folder: ImageFolder, bad: number, { passed, advice }: Limit, last: SelfsightError): SelfsightError {
  return new SelfsightError(
    "data",
    `reading ${folder.name}: ${bad} of ${folder.length} files are bad, ${passed}; the last one: ${last.message} ` +
      `Repair or remove them${advice}.`,
    { cause: last },
  );
}
