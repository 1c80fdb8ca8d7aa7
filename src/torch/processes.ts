// Several processes that compute one step together.  W processes, N rows of all of them, C features
import { SelfsightError } from "../errors.ts";
import { addon, cudaAddonPath, handlesOf } from "./addon.ts";
import { engineCall } from "./operators.ts";
import { Tensor } from "./tensor.ts";

/** The place where processes find each other and leave words: c10d's TCPStore. */
export interface Meeting {
  set(key: string, text: string): void;
  /** Waits until it was set. Throws when that takes longer. */
  get(key: string, milliseconds: number): string;
  /** The sum of all that was added under a key, this amount included. */
  add(key: string, amount: number): number;
  /** The key counts up for as long as this process runs, even while a call holds its thread. Returns how to end that. */
  pulse(key: string, everyMilliseconds: number): () => void;
  open(options: GroupOptions): ProcessGroup;
}

export interface GroupOptions {
  rank: number;
  size: number;
  /** Keeps what one start leaves in the store apart from the next's. */
  prefix: string;
  /** This process's own address in the network; default what its host name means. */
  address?: string | undefined;
  /** The network interface to use, in place of an address. */
  networkInterface?: string | undefined;
  /** How long a call waits for the other processes. */
  milliseconds: number;
}

/** What this process is among the others. Every call below is made by all of them, in one order. */
export interface ProcessGroup {
  readonly rank: number;
  readonly size: number;
  readonly handle: object;
  /** Whether what lies on a GPU travels by NCCL, not over host memory; see `openNccl`. */
  usesNccl: boolean;
  /** Closes the connections. */
  leave(): void;
}

/** Opens the meeting place or, where `keepsIt`, makes it. Errors: configuration (an older libtorch); c10d's own where nobody answers. */
export function openMeeting(host: string, port: number, keepsIt: boolean, milliseconds: number): Meeting {
  const native = addon();
  if (!native.openStore)
    throw new SelfsightError(
      "configuration",
      `several processes: this libtorch is ${native.builtFor}; 2.0 or newer is needed; run \`npx selfsight setup\` without SELFSIGHT_LIBTORCH, or train in one process`,
    );
  const store = native.openStore(host, port, keepsIt, milliseconds);
  return {
    set: (key, text) => native.storeSet(store, key, text, milliseconds),
    get: (key, wait) => native.storeGet(store, key, wait),
    add: (key, amount) => native.storeAdd(store, key, amount, milliseconds),
    pulse(key, every) {
      const pulse = native.startPulse(store, key, every);
      return () => native.stopPulse(pulse);
    },
    open: ({ rank, size, prefix, address = "", networkInterface = "", milliseconds: wait }) => {
      const handle = native.openGroup(store, prefix, rank, size, address, networkInterface, wait);
      return { rank, size, handle, usesNccl: false, leave: () => native.leaveGroup(handle) };
    },
  };
}

/**
 * Lets what lies on GPUs travel by NCCL, where every process names one that no other has and set-up has compiled it; else all stays
 * with Gloo. `device`: this process's.
 */
export function openNccl(group: ProcessGroup, device: string, part = cudaAddonPath()): void {
  const gpu = device === "cpu" ? -1 : Number(device.split(":")[1] ?? 0);
  group.usesNccl = engineCall("openNccl", [], () => addon().openNccl(group.handle, gpu, part));
}

let current: ProcessGroup | undefined;

/** The processes that this one trains with; undefined where it is alone. */
export const processGroup = (): ProcessGroup | undefined => current;

/** From here on batch norm in training takes the statistics of all these processes. */
export function setProcessGroup(group: ProcessGroup | undefined): void {
  current = group;
}

/** The part of `total` rows that one process holds: equal parts, or some of them one longer. */
export function rowsOfRank(total: number, { rank, size }: Pick<ProcessGroup, "rank" | "size">) {
  const start = Math.floor((rank * total) / size);
  return { start, end: Math.floor(((rank + 1) * total) / size) };
}

/**
 * The rows of all processes, [n, ...] to [N, ...], in the order of their ranks. What follows is computed by each process whole, so the
 * gradient of its own rows is their part of it.
 */
export function gatherRows(rows: Tensor, total: number, group: ProcessGroup): Tensor {
  const { size } = group;
  const parts = Array.from({ length: size }, (_, rank) => rowsOfRank(total, { rank, size }));
  const counts = parts.map(({ start, end }) => end - start);
  return gatherCounted(rows, counts, group);
}

/** The same where every process holds as many rows as `counts` says, some perhaps none. */
export const gatherCounted = (rows: Tensor, counts: readonly number[], { handle }: ProcessGroup): Tensor =>
  new Tensor(engineCall("gatherRows", [rows], () => addon().gatherRows(handle, rows.handle, counts)));

/** Each tensor becomes its sum over the processes, all in one message; in float32. */
export const sumOverProcesses = (tensors: readonly Tensor[], { handle }: ProcessGroup): void =>
  engineCall("sumOverProcesses", [], () => addon().sumTensors(handle, handlesOf(tensors)));

/** A parameter whose gradient becomes the sum over the processes. */
export interface SharedParameter {
  parameter: Tensor;
  /** Each process has the whole gradient, not its part of it: the mean of them keeps the processes alike to the bit. */
  isWhole: boolean;
}

/** Gradients that are summed over the processes while the backward pass goes on. */
export interface GradientSum {
  /** From here on the buckets of the first `stages` stages leave as soon as they are full. */
  open(stages: number): void;
  /** What has not left leaves; when it returns every gradient that is there is the sum. Gives how many buckets had left before. */
  finish(): number;
  close(): void;
}

/** Floats of a bucket, 8 MiB: some ten messages for a ResNet-18, and the first leaves while most of the pass is still to come. */
const usualBucketFloats = 2 ** 21;

/**
 * Cuts parameters into buckets that travel in one order: stage by stage, the last layers first, as their gradients come. A stage is what
 * one backward pass completes.
 */
export function openGradientSum(
  stages: readonly (readonly SharedParameter[])[],
  { handle }: ProcessGroup,
  bucketFloats = usualBucketFloats,
): GradientSum {
  const buckets = stages.map((stage) => bucketsOf(stage.toReversed(), bucketFloats));
  const parts = buckets.flat(2);
  const whole = parts.map(({ isWhole }) => Number(isWhole));
  const lengths = buckets.flat().map((bucket) => bucket.length);
  const sum = engineCall("openGradientSum", [], () =>
    addon().openGradientSum(handle, handlesOf(parts.map(({ parameter }) => parameter)), whole, lengths),
  );
  const bucketsUpTo = (count: number) => buckets.slice(0, count).flat().length;
  return {
    open: (count) => addon().openBuckets(sum, bucketsUpTo(count)),
    finish: () => engineCall("finishGradientSum", [], () => addon().finishGradientSum(sum)),
    close: () => addon().closeGradientSum(sum),
  };
}

function bucketsOf(parts: readonly SharedParameter[], bucketFloats: number): SharedParameter[][] {
  const buckets: SharedParameter[][] = [];
  let floats = Number.POSITIVE_INFINITY;
  for (const part of parts) {
    if (floats + part.parameter.numel > bucketFloats) {
      buckets.push([]);
      floats = 0;
    }
    buckets.at(-1)!.push(part);
    floats += part.parameter.numel;
  }
  return buckets;
}

/** Each tensor takes the contents that it has in process `rank`. */
export function takeFrom(rank: number, tensors: Iterable<Tensor>, { handle }: ProcessGroup): void {
  for (const tensor of tensors) engineCall("takeFrom", [tensor], () => addon().takeTensor(handle, tensor.handle, rank));
}

export interface BatchNormParts {
  weight: Tensor | null; // [C]
  bias: Tensor | null; // [C]
  mean: Tensor; // [C], moved
  variance: Tensor; // [C], moved
}

/**
 * Batch norm of [n, C, ...] over the rows of all processes, of which this one may have none. `sizes`: how many of this process's rows, which stand in that order, belong
 * to each of its groups.
 */
export function globalBatchNorm(
  input: Tensor,
  { weight, bias, mean, variance }: BatchNormParts,
  sizes: readonly number[],
  { handle }: ProcessGroup,
): Tensor {
  const call = () =>
    addon().globalBatchNorm(
      handle,
      input.handle,
      weight?.handle ?? null,
      bias?.handle ?? null,
      mean.handle,
      variance.handle,
      sizes,
    );
  const normal = new Tensor(engineCall("globalBatchNorm", [input], call));
  return input.size(0) === 0 ? normal.clone() : normal; // no rows come back as they are, and what follows may write over its input
}
