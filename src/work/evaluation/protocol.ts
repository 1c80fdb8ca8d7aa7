import type { z } from "zod";
import type { ReadingRules } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import type { BankOptions, LabelledOptions, Sharing } from "../../evaluate/index.ts";
import type { LogEvent } from "../../train/index.ts";
import type { Model } from "../model.ts";
import type { RepresentationOptions } from "../representation.ts";

/** What every protocol may be told: what is measured, and how its network is opened where it is not open yet. */
export interface MeasureOptions extends RepresentationOptions {
  /** What is measured on: `test` or `val` against the train split; of `train` or `all` a fifth of each class is held out. Default "test". */
  split?: LabelledOptions["split"] | undefined;
  /** At most so many images of each split. Default all. */
  limit?: number | undefined;
  /** How files are read. Default: as the network's run read them. */
  rules?: Partial<ReadingRules> | undefined;
  /** Told of progress and of bad files while pictures are read. */
  reading?: BankOptions["reading"] | undefined;
  /** The processes that measure together, each of them at the same protocol. Default this one alone. */
  sharing?: Sharing | undefined;
  /** Ends a protocol that trains in a folder after the step that it is in, saved; it throws `Stopped`. */
  signal?: AbortSignal | undefined;
  /** Told of every line of the log of a protocol that trains in a folder. */
  onEvent?: ((event: LogEvent) => void) | undefined;
  /** Told how many pictures such a protocol has measured on. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A protocol that trains was asked to stop, and has saved. */
export class Stopped extends SelfsightError {
  readonly folder: string;

  constructor(folder: string, step: number) {
    super(
      "configuration",
      `evaluate: stopped on request after step ${step} and saved; the same command with --out ${displayName(folder)} goes on with it`,
    );
    this.folder = folder;
  }
}

/** What a protocol is asked: a network (opened, or what it is opened from), data, and options of which those left out have their defaults. */
export interface Asked<Options extends object> {
  source: string | Model;
  data: string;
  options: MeasureOptions & Options;
}

/** What every protocol answers. */
export interface ProtocolReport {
  /** Name, version and what changes its figure, such as `knn-v1 k=200 T=0.1`. */
  protocol: string;
  /** The figure that stands in tables, a share in [0, 1]. */
  value: number;
  /** What a reader of the figure should know. */
  notes: string[];
}

/** A protocol as data. */
export interface Protocol<Options extends object, Report extends ProtocolReport> {
  /** Its own options, which only the protocols that name them have, each with what is allowed. */
  own: { [Key in keyof Options]-?: z.ZodType<Options[Key]> };
  /** Options of all others that would do nothing here. Default none. */
  without?: readonly (keyof MeasureOptions)[];
  /** Checked options come in. Errors: those of `evaluate`. */
  run(asked: Asked<Options>): Promise<Report>;
}
