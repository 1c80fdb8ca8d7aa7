// A folder read by several processes: each decodes its own rows of a batch, and all leave out what any of them found bad.
import { SelfsightError } from "../../errors.ts";
import { type Batch, gatherLabels, type ImageFolder, type RawImage } from "../dataset.ts";
import { EpochOrder, type EpochPlan, type Turn } from "../epoch-order.ts";
import { ownTurns, type Share } from "../share.ts";
import type { Decoded, DecodePool } from "./decode.ts";
import { type BadFiles, condemn } from "./folder-reader.ts";

interface BadFile {
  index: number;
  message: string;
}

export interface SharedReading {
  share: Share;
  batchSize: number;
  startStep: number;
  perEpoch: number;
  badFiles: BadFiles;
  /** Batches decoded ahead. Default 2. */
  prefetch?: number;
  onRemark: ((index: number, remark: string) => void) | undefined;
}

/** Where a shared reading stands. */
interface Reader extends SharedReading {
  folder: ImageFolder;
  plan: EpochPlan;
  pool: DecodePool;
  order: EpochOrder;
  /** This process's turns of the next batches, the next one first. */
  ahead: (readonly Turn[])[];
  decoding: Map<number, Promise<Decoded>>;
}

/**
 * The rows that this process has of each batch. A bad file is made known to all before its batch is used; the order of the epoch is then
 * laid out anew without it, which leaves the batches before as they were.
 */
export async function* readFolderTogether(
  folder: ImageFolder,
  limited: EpochPlan,
  pool: DecodePool,
  reading: SharedReading,
): AsyncGenerator<Batch> {
  const plan = { ...limited, samples: Number.POSITIVE_INFINITY };
  const order = EpochOrder.from(plan, reading.startStep, reading.perEpoch);
  const reader: Reader = { ...reading, folder, plan, pool, order, ahead: [], decoding: new Map() };
  const steps = limited.samples / reading.batchSize;
  try {
    for (let done = 0; done < steps; done++) yield await nextBatch(reader, reading.startStep + done);
  } finally {
    pool.close();
  }
}

async function nextBatch(reader: Reader, step: number): Promise<Batch> {
  for (;;) {
    decodeAhead(reader);
    const bad = reader.share.union(await badAmong(reader.ahead[0]!, reader));
    if (bad.length === 0) return takeBatch(reader, step);
    leaveOut(bad, reader);
    reader.order = EpochOrder.from(reader.plan, step, reader.perEpoch);
    reader.ahead = [];
  }
}

function decodeAhead({ ahead, order, batchSize, share, prefetch = 2, folder, pool, decoding }: Reader): void {
  while (ahead.length <= prefetch)
    ahead.push(
      ownTurns(
        Array.from({ length: batchSize }, () => order.next()!),
        share,
      ),
    );
  for (const { index } of ahead.flat()) {
    if (decoding.has(index)) continue;
    const decoded = pool.decode(folder.files.at(index)!);
    decoded.catch(() => {}); // a failed pool is met when the turn comes
    decoding.set(index, decoded);
  }
}

async function badAmong(turns: readonly Turn[], { decoding }: Reader): Promise<BadFile[]> {
  const found: BadFile[] = [];
  for (const { index } of turns) {
    const decoded = await decoding.get(index)!;
    if ("error" in decoded) found.push({ index, message: decoded.error.message });
  }
  return found;
}

function leaveOut(bad: readonly BadFile[], { folder, badFiles, batchSize }: Reader): void {
  for (const [i, { index, message }] of bad.entries())
    condemn(index, new SelfsightError("data", message), i + 1, { folder, badFiles, replacedFor: batchSize });
}

async function takeBatch({ ahead, decoding, folder, onRemark }: Reader, step: number): Promise<Batch> {
  const turns = ahead.shift()!;
  const images: RawImage[] = [];
  for (const { index } of turns) {
    const decoded = await decoding.get(index)!;
    if ("error" in decoded) throw decoded.error;
    if (decoded.image.remark !== undefined) onRemark?.(index, decoded.image.remark);
    images.push(decoded.image);
  }
  const needed = new Set(ahead.flat().map(({ index }) => index));
  for (const index of decoding.keys()) if (!needed.has(index)) decoding.delete(index);
  const indices = Uint32Array.from(turns, ({ index }) => index); // [n]
  const labels = folder.labels && { labels: gatherLabels(folder.labels, indices) };
  return { epoch: turns[0]!.epoch, step, indices, images, ...labels };
}
