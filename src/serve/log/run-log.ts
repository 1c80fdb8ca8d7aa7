// What a run's log says, held in bounded memory however long it is, and read on as it grows.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { LoggedEvent } from "../answers.ts";
import { bytesAt, type OpenFile, withFile } from "../folder/open-inside.ts";
import { type LineReader, lineReader } from "./lines.ts";
import { type StepSeries, stepSeries } from "./series.ts";

/** Bytes that are read in one turn of the event loop: some milliseconds. */
const pieceBytes = 1 << 20;
/** Of a log longer than this, evenly spaced parts are read: nobody waits for the whole of it. */
const mostBytesAtOnce = 128 << 20;
const stripeBytes = 1 << 16;
/** Events that are no steps, of each kind; the newest are kept. */
const mostEvents = 400;

export interface RunLog {
  /** Reads what is new; a log that was replaced is read anew. */
  advance(): Promise<void>;
  readonly series: StepSeries;
  /** The last event that opened the run, or undefined. */
  readonly start: LoggedEvent | undefined;
  readonly lastStep: LoggedEvent | undefined;
  /** Events of other kinds, oldest first. */
  eventsOf(kind: string): readonly LoggedEvent[];
  /** Names this state of the log: the file and the place up to which it was read. */
  readonly place: string;
  /** Whether only parts of a very long log were read. */
  readonly isSampled: boolean;
}

interface State {
  inode: number;
  offset: number;
  reader: LineReader;
  series: StepSeries;
  start: LoggedEvent | undefined;
  lastStep: LoggedEvent | undefined;
  others: Map<string, LoggedEvent[]>;
  isSampled: boolean;
}

const freshState = (inode: number): State => ({
  ...{ inode, offset: 0, reader: lineReader(), series: stepSeries() },
  ...{ start: undefined, lastStep: undefined, others: new Map(), isSampled: false },
});

/** The log of the run in `folder`. */
export function runLog(folder: string): RunLog {
  let state = freshState(0);
  let isReading: Promise<void> | undefined;

  async function readOn(): Promise<void> {
    for (;;) {
      const leap = withFile(folder, "log.jsonl", (open) => {
        if (open.stats.ino !== state.inode || open.stats.size < state.offset) state = freshState(open.stats.ino);
        const isLong = open.stats.size - state.offset > mostBytesAtOnce;
        return isLong ? open.stats.size : readPiece(state, open) ? 0 : undefined;
      });
      if (leap === undefined) return;
      if (leap > 0) await readStripes(folder, state, leap);
      await nextTurn();
    }
  }

  return {
    advance() {
      isReading ??= readOn().finally(() => {
        isReading = undefined;
      });
      return isReading;
    },
    get series() {
      return state.series;
    },
    get start() {
      return state.start;
    },
    get lastStep() {
      return state.lastStep;
    },
    eventsOf: (kind) => state.others.get(kind) ?? [],
    get place() {
      return placeName(state.inode, state.offset - state.reader.pending);
    },
    get isSampled() {
      return state.isSampled;
    },
  };
}

export const placeName = (inode: number, offset: number): string => `${inode}-${offset}`;

/** Takes the next piece in; false at the end. */
function readPiece(state: State, { file, stats }: OpenFile): boolean {
  const bytes = bytesAt(file, state.offset, Math.max(0, Math.min(pieceBytes, stats.size - state.offset)));
  state.offset += bytes.length;
  for (const event of state.reader.take(bytes)) note(state, event);
  return bytes.length > 0;
}

/** Evenly spaced parts up to the last piece, which is then read as any other. */
async function readStripes(folder: string, state: State, size: number): Promise<void> {
  state.isSampled = true;
  const stripes = mostBytesAtOnce / stripeBytes / 2;
  const [from, to] = [state.offset, size - pieceBytes];
  for (let stripe = 0; stripe < stripes; stripe++) {
    const at = Math.floor(from + ((to - from) * stripe) / stripes);
    const bytes = withFile(folder, "log.jsonl", ({ file }) => bytesAt(file, at, stripeBytes));
    for (const event of lineReader(at > 0).take(bytes ?? Buffer.alloc(0))) note(state, event);
    if (stripe % 16 === 0) await nextTurn();
  }
  state.offset = to;
  state.reader = lineReader(true);
}

function note(state: State, event: LoggedEvent): void {
  if (event.event === "step") noteStep(state, event);
  else noteOther(state, event);
}

function noteStep(state: State, event: LoggedEvent): void {
  state.lastStep = event;
  state.series.add(event.step, event);
}

/** A run that goes on from an earlier step does again what was logged behind it. */
function noteOther(state: State, event: LoggedEvent): void {
  if (event.event === "start") {
    state.start = event;
    state.series.dropAfter(event.step);
    if ((state.lastStep?.step ?? 0) > event.step) state.lastStep = undefined;
    for (const events of state.others.values()) dropAfter(events, event.step);
  }
  const events = state.others.get(event.event) ?? [];
  events.push(event);
  if (events.length > mostEvents) events.shift();
  if (state.others.size < 32) state.others.set(event.event, events);
}

function dropAfter(events: LoggedEvent[], step: number): void {
  while ((events.at(-1)?.step ?? Number.NEGATIVE_INFINITY) > step) events.pop();
}
