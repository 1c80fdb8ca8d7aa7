// Several processes that compute one step together.  W processes, N rows of all of them, C features
import { SelfsightError } from "../errors.ts";
import { addon, handlesOf } from "./addon.ts";
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
      return { rank, size, handle, leave: () => native.leaveGroup(handle) };
    },
  };
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
 * Batch norm of [n, C, ...] over the rows of all processes. `sizes`: how many of this process's rows, which stand in that order, belong
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
  return new Tensor(engineCall("globalBatchNorm", [input], call));
}
