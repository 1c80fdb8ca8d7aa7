// What an interrupted `embed` has done, in a folder beside the file that it will become. R rows so far, D features.
import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import { makeFolder, removeQuietly, storageError, syncFolder, writeFileDurably, writeWhole } from "../../files.ts";
import { lockFile } from "../../torch/index.ts";

const badFile = z.object({ index: z.number(), name: z.string(), reason: z.string() });
const line = z.object({ through: z.number(), rows: z.number(), dimensions: z.number(), badFiles: z.array(badFile) });

/** One acknowledgement: all pictures before `through` are done, so many rows in all, and what could not be read since the last one. */
type Acknowledged = z.infer<typeof line>;

/** How far it is. */
export interface Progress extends Acknowledged {
  /** All of them. */
  badFiles: z.infer<typeof badFile>[];
}

const nothing: Progress = { through: 0, rows: 0, dimensions: 0, badFiles: [] };

/** The rows that are on disk, and a place for more. One process holds it. */
export class RowStore {
  readonly folder: string;
  #progress: Progress = nothing;
  #held: number[] = [];

  /**
   * Opens what was begun for `out`, or begins it. What another job left there is thrown away, and `warn` is told.
   * Errors: storage; configuration, where another process is at it.
   */
  constructor(out: string, job: unknown, warn: (sentence: string) => void) {
    this.folder = `${out}.unfinished`;
    makeFolder(this.folder);
    try {
      this.#hold();
      if (!this.#isOf(job)) {
        if (existsSync(this.#path("job.json"))) warn(otherJob(this.folder));
        this.#begin(job);
      }
      this.#progress = this.#read();
    } catch (cause) {
      this.close();
      throw storageError("embed", this.folder, cause);
    }
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Adds the rows [B, D] of all pictures before `through`; when it returns they are on disk. Errors: storage. */
  append(values: Float32Array, through: number, dimensions: number, badFiles: Progress["badFiles"]): void {
    const rows = this.#progress.rows + (dimensions === 0 ? 0 : values.length / dimensions);
    const said: Acknowledged = { through, rows, dimensions: dimensions || this.#progress.dimensions, badFiles };
    try {
      this.#add("rows.f32", new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      this.#add("done.jsonl", Buffer.from(`${JSON.stringify(said)}\n`));
    } catch (cause) {
      throw storageError("embed", this.folder, cause);
    }
    this.#progress = { ...said, badFiles: [...this.#progress.badFiles, ...badFiles] };
  }

  /** The rows in order, some megabytes at a time. */
  *chunks(): Generator<Float32Array> {
    const { rows, dimensions } = this.#progress;
    const file = openSync(this.#path("rows.f32"), "r");
    try {
      const most = Math.max(1, Math.floor(2 ** 20 / Math.max(1, dimensions)));
      for (let row = 0; row < rows; row += most)
        yield readRows(file, row * dimensions, Math.min(most, rows - row) * dimensions);
    } finally {
      closeSync(file);
    }
  }

  close(): void {
    for (const file of this.#held.splice(0)) closeSync(file);
  }

  /** Throws away what is no longer needed, or was begun for nothing. */
  remove(): void {
    this.close();
    removeQuietly(this.folder);
    syncFolder(dirname(this.folder));
  }

  #path(name: string): string {
    return join(this.folder, name);
  }

  /** The kernel lets go when the process ends, however that comes about. */
  #hold(): void {
    const file = openSync(this.#path("lock"), "a");
    this.#held.push(file);
    if (lockFile(file) !== false) return;
    throw new SelfsightError(
      "configuration",
      `embed: another process is writing ${displayName(this.folder)}; a file belongs to one process; wait for it, or choose another --out`,
    );
  }

  #isOf(job: unknown): boolean {
    try {
      return isDeepStrictEqual(JSON.parse(readFileSync(this.#path("job.json"), "utf8")), job);
    } catch {
      return false;
    }
  }

  #begin(job: unknown): void {
    for (const name of ["job.json", "rows.f32", "done.jsonl"]) removeQuietly(this.#path(name));
    for (const name of ["rows.f32", "done.jsonl"]) closeSync(openSync(this.#path(name), "a"));
    writeFileDurably(this.#path("job.json"), `${JSON.stringify(job)}\n`);
  }

  /** Up to the last line that is whole; what was written behind it was never acknowledged and is cut off. */
  #read(): Progress {
    const text = readFileSync(this.#path("done.jsonl"), "utf8");
    const lines = text.slice(0, text.lastIndexOf("\n") + 1);
    const said = lines
      .split("\n")
      .slice(0, -1)
      .map((own) => line.parse(JSON.parse(own)));
    const last = said.at(-1) ?? nothing;
    this.#cut("done.jsonl", Buffer.byteLength(lines));
    this.#cut("rows.f32", last.rows * last.dimensions * 4);
    return { ...last, badFiles: said.flatMap(({ badFiles }) => badFiles) };
  }

  #cut(name: string, bytes: number): void {
    const file = openSync(this.#path(name), "r+");
    try {
      if (fstatSync(file).size < bytes) throw new Error(`${name} is shorter than what was acknowledged`);
      ftruncateSync(file, bytes);
    } finally {
      closeSync(file);
    }
  }

  #add(name: string, bytes: Uint8Array): void {
    const file = openSync(this.#path(name), "a");
    try {
      writeWhole(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

const otherJob = (folder: string): string =>
  `${displayName(folder)} was begun with another network, other pictures or other options; it is begun anew`;

function readRows(file: number, start: number, count: number): Float32Array {
  const values = new Float32Array(count);
  const bytes = new Uint8Array(values.buffer);
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(file, bytes, at, bytes.length - at, 4 * start + at);
    if (read === 0) throw new Error("its rows ended while they were read");
    at += read;
  }
  return values;
}
