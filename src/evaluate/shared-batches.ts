// Features that several processes compute together.  N pictures, W processes, B pictures of a block, D features
import { type Batch, badFilesOfAll, type Dataset, onePass, type ReadOptions, subset } from "../data/index.ts";
import { byLeader, FaultOfAnother, type Team } from "../distributed/index.ts";
import { displayName, type ErrorKind, kindInCommand, SelfsightError } from "../errors.ts";
import type { Representation } from "./representation.ts";

/** Whoever computes features together with this process. */
export interface Sharing {
  team: Team;
  /** In process 0: calls the others to a pass over pictures; false where they cannot join in. Default: they are at the same one. */
  call?: (pass: SharedPass) => Promise<boolean>;
  /** Whether every process is given the rows. Default false: process 0 alone. */
  isForAll?: boolean;
  /** In process 0: told that the pass has ended for the others too. */
  onEnd?: () => void;
  /** Whether this process was asked to stop; process 0 is told by `onWish`. */
  isStopping?: () => boolean;
  onWish?: () => void;
}

/** The processes that are at the same work as this one from its start to its end; undefined where they only help, or there are none. */
export const companionsOf = (sharing: Sharing | undefined): Team | undefined =>
  sharing?.call === undefined ? sharing?.team : undefined;

/** What process 0 alone has, in each of those that are at the same work. It must survive JSON. */
export const ofLeader = <T>(sharing: Sharing | undefined, work: () => T): Promise<T> =>
  byLeader(companionsOf(sharing), work);

/** Each process has opened the pictures by itself. Errors: data, where they are other ones here than in process 0. */
export async function refuseOtherPictures(sharing: Sharing | undefined, dataset: Dataset): Promise<void> {
  const fingerprint = await ofLeader(sharing, () => dataset.fingerprint);
  if (fingerprint !== dataset.fingerprint) throw otherPictures(dataset);
}

export const otherPictures = ({ name }: Pick<Dataset, "name">): SelfsightError =>
  new SelfsightError(
    "data",
    `features: the pictures of ${displayName(name)} are other ones here than in process 0; every process reads the same pictures; put the same files there`,
  );

/** A pass over pictures, one feature vector for each. */
export interface SharedPass {
  representation: Representation;
  dataset: Dataset;
  /** Images at a time in one process. */
  batchSize: number;
}

interface SharedOptions extends ReadOptions, Sharing {
  /** One batch's features, [B, D]; the batch has the places of its pictures in the whole dataset. */
  featuresOf: (batch: Batch) => Float32Array | Promise<Float32Array>;
}

/** Features of some pictures. */
interface Rows {
  /** The place of each in the dataset. */
  indices: Uint32Array; // [B]
  values: Float32Array; // [B, D]
}

/**
 * The features of every picture in the order of the dataset, in process 0 or in all; the others are given none, and end with it.
 *
 * A round is W blocks of B pictures, one for each process, so that no more than one round is ever held. Where there are enough pictures, a
 * block of good ones is the batch that one process would have made of them, and has its features to the bit.
 */
export async function* sharedBatches(dataset: Dataset, options: SharedOptions): AsyncGenerator<Rows> {
  const { team, isStopping, onWish } = options;
  const blocks = blocksOf(dataset.length, team.size, options.batchSize);
  const own = ownParts(dataset, blocks, options);
  const merged = mergedRows(dataset, options);
  const isGiven = team.isLeader || options.isForAll === true;
  let isOpen = blocks.rounds > 0;
  try {
    for (let round = 0; round < blocks.rounds; round++) {
      const part = await own.next(round);
      isOpen = false; // an exchange that fails is the last
      const all = exchanged(team, part, { isStopping: isStopping?.() === true });
      if (all.isOver) return;
      isOpen = round + 1 < blocks.rounds;
      if (all.isStopping) onWish?.();
      if (isGiven) yield* merged.next(blocks.ofRound(round), all);
    }
    if (isGiven) merged.end();
  } finally {
    if (isOpen && team.isLeader) exchanged(team, {}, { isOver: true });
    await own.close();
  }
}

/** In a process that cannot take part, such as one without the pictures: the pass ends for all with its reason. */
export function refuseToShare(team: Team, error: unknown): never {
  const { message } = error as Error;
  exchanged(team, { error: new FaultOfAnother(kindInCommand(error), `process ${team.rank}: ${message}`) });
  throw error;
}

/** Errors that ended a pass for all processes. */
const told = new WeakSet<Error>();

/** Whether an error ended a pass in all processes, so that they still are in step. */
export const isToldToAll = (error: unknown): boolean => error instanceof Error && told.has(error);

// ---- which pictures are whose ----

/** Places [start, end). */
interface Block {
  start: number;
  end: number;
}

/** With fewer pictures than W batches, the blocks are smaller, so that each process has some. */
function blocksOf(length: number, processes: number, batchSize: number) {
  const side = Math.max(1, Math.min(batchSize, Math.ceil(length / processes)));
  const blockAt = (number: number): Block => ({
    start: Math.min(length, number * side),
    end: Math.min(length, (number + 1) * side),
  });
  const rounds = Math.ceil(length / (processes * side));
  return {
    rounds,
    side,
    blockAt: (round: number, rank: number) => blockAt(round * processes + rank),
    ofRound: (round: number) => Array.from({ length: processes }, (_, rank) => blockAt(round * processes + rank)),
    ofRank: (rank: number) => Array.from({ length: rounds }, (_, round) => blockAt(round * processes + rank)),
  };
}
type Blocks = ReturnType<typeof blocksOf>;

const placesIn = ({ start, end }: Block): Uint32Array => Uint32Array.from({ length: end - start }, (_, i) => start + i);

// ---- a process's own part of each round ----

interface BadFile {
  bad: number;
  message: string;
}
interface Remark {
  index: number;
  remark: string;
}
type Found = BadFile | Remark;

/** A process's rows of its block, in order, and what it says of the pictures. */
interface Part {
  values?: Float32Array;
  dimensions?: number;
  found?: Found[];
  /** Why it has none and the pass ends. */
  error?: unknown;
}

/** Reads on until a block is whole; what bad files have made room for is of later blocks and waits. */
function ownParts(dataset: Dataset, blocks: Blocks, options: SharedOptions) {
  const { team, featuresOf } = options;
  const found: Found[] = [];
  const reader = ownBatches(dataset, blocks, { ...options, found });
  let [waiting, through, isDone] = [[] as Rows[], -1, false];
  const read = async () => {
    const { value: batch, done } = await reader.next();
    isDone = done === true;
    if (done) return;
    through = batch.indices.at(-1)!;
    waiting.push({ indices: batch.indices, values: await featuresOf(batch) });
  };
  const take = (end: number): Part => {
    const cut = waiting.map((rows) => splitAt(rows, end));
    waiting = cut.map(({ after }) => after).filter(({ indices }) => indices.length > 0);
    const later = found.filter((own) => "bad" in own && own.bad >= end);
    const now = found.filter((own) => !later.includes(own));
    found.splice(0, found.length, ...later);
    const before = cut.map((rows) => rows.before).filter(({ indices }) => indices.length > 0);
    return { ...joined(before), found: now };
  };
  return {
    async next(round: number): Promise<Part> {
      const { end } = blocks.blockAt(round, team.rank);
      try {
        while (!isDone && through < end - 1) await read();
        return take(end);
      } catch (error) {
        return { error };
      }
    },
    close: () => reader.return(undefined),
  };
}

/** An array's blocks are copied out one by one; the files of a folder are decoded ahead over the borders of its blocks. */
async function* ownBatches(
  dataset: Dataset,
  blocks: Blocks,
  { found, team, decodeSize }: SharedOptions & { found: Found[] },
): AsyncGenerator<Batch, undefined> {
  const own = blocks.ofRank(team.rank).map(placesIn);
  const passes = dataset.kind === "array" ? own : [Uint32Array.from(own.flatMap((places) => [...places]))];
  for (const places of passes.filter(({ length }) => length > 0)) {
    const reader = onePass(subset(dataset, places), {
      batchSize: blocks.side,
      ...(decodeSize !== undefined && { decodeSize }),
      bearsAll: true,
      onBadFile: (index, { message }) => found.push({ bad: places[index]!, message }),
      onRemark: (index, remark) => found.push({ index: places[index]!, remark }),
    });
    for await (const batch of reader) yield { ...batch, indices: batch.indices.map((index) => places[index]!) };
  }
}

function splitAt({ indices, values }: Rows, end: number): { before: Rows; after: Rows } {
  const dimensions = values.length / indices.length;
  const beyond = indices.findIndex((index) => index >= end);
  const count = beyond < 0 ? indices.length : beyond;
  return {
    before: { indices: indices.subarray(0, count), values: values.subarray(0, count * dimensions) },
    after: { indices: indices.subarray(count), values: values.subarray(count * dimensions) },
  };
}

function joined(parts: readonly Rows[]): Pick<Part, "values" | "dimensions"> {
  const [first] = parts;
  if (!first) return {};
  const dimensions = first.values.length / first.indices.length;
  if (parts.length === 1) return { values: first.values, dimensions };
  const values = new Float32Array(parts.reduce((sum, own) => sum + own.values.length, 0));
  let at = 0;
  for (const own of parts) {
    values.set(own.values, at);
    at += own.values.length;
  }
  return { values, dimensions };
}

// ---- what all of them have ----

interface Round {
  values: Float32Array;
  dimensions: number;
  /** Rows of each process. [W] */
  counts: number[];
  found: Found[];
  /** Whether process 0 has ended the pass. */
  isOver: boolean;
  /** Whether a process was asked to stop. */
  isStopping: boolean;
}

type Failure = { error: ErrorKind; message: string };

const isFailure = (own: Found | Failure): own is Failure => "error" in own;

/** The parts of all processes. Errors: the own one; else that of another process, in all of them. */
function exchanged(
  team: Team,
  { values = new Float32Array(), dimensions = 0, found = [], error }: Part,
  { isStopping = false, isOver = false } = {},
): Round {
  const failure = error === undefined ? [] : [failureOf(error)];
  const said: (Found | Failure)[] = [...found, ...failure];
  const [words, wishes, ends] = team.sums([said.length, Number(isStopping), Number(isOver)]) as [
    number,
    number,
    number,
  ];
  const all = words > 0 ? team.union(said) : [];
  const failed = all.find(isFailure);
  if (failed) throw toldToAll(failed, error);
  const rows = ends > 0 ? { values, dimensions, counts: [] } : team.gather({ values, dimensions });
  return {
    ...rows,
    found: all.filter((own): own is Found => !isFailure(own)),
    isOver: ends > 0,
    isStopping: wishes > 0,
  };
}

const failureOf = (error: unknown): Failure => ({
  error: kindInCommand(error),
  message: error instanceof Error ? error.message : String(error),
});

function toldToAll({ error: kind, message }: Failure, own: unknown): Error {
  const error = own instanceof Error ? own : new FaultOfAnother(kind, message);
  told.add(error);
  return error;
}

/** In process 0: rounds in order. A bad file is reported before the rows behind it, as one process does, and counted against its limits. */
function mergedRows(dataset: Dataset, { onBadFile, onRemark }: SharedOptions) {
  const report = dataset.kind === "folder" ? badFilesOfAll(dataset, onBadFile) : undefined;
  let waiting: BadFile[] = [];
  const reportBefore = (end: number) => {
    const due = waiting.filter(({ bad }) => bad < end);
    waiting = waiting.filter(({ bad }) => bad >= end);
    for (const { bad, message } of due) report?.(bad, message);
  };
  return {
    *next(blocks: readonly Block[], { found, counts, values, dimensions }: Round): Generator<Rows> {
      const bad = found.filter((own) => "bad" in own).sort((a, b) => a.bad - b.bad);
      for (const own of found) if ("remark" in own) onRemark?.(own.index, own.remark);
      const isBad = new Set(bad.map((own) => own.bad));
      waiting.push(...bad);
      let row = 0;
      for (const [rank, block] of blocks.entries()) {
        const indices = placesIn(block).filter((place) => !isBad.has(place));
        if (indices.length !== counts[rank]) throw new SelfsightError("bug", "features: rows and pictures differ");
        if (indices.length === 0) continue;
        reportBefore(indices.at(-1)!);
        yield { indices, values: values.slice(row * dimensions, (row + indices.length) * dimensions) };
        row += indices.length;
      }
    },
    end: () => reportBefore(Number.POSITIVE_INFINITY),
  };
}
