import { makeFolder } from "../../files.ts";
import type { WorkOptions } from "../../work/open-work.ts";
import { reading } from "./reading.ts";
import { type SampleOptions, sampleRules } from "./sample-rules.ts";
import { warn } from "./warn.ts";

/** Options that every command has which puts a network to work on pictures. */
export interface AtWorkOptions extends SampleOptions, Pick<WorkOptions, "split" | "size" | "precision" | "limit"> {
  out?: string | undefined;
  json?: true | undefined;
}

/** Calls `body` with the options as the library has them, with a bar and with warnings on the terminal. */
export async function atWork<Options extends AtWorkOptions, T>(
  options: Options,
  body: (given: Options & WorkOptions) => Promise<T>,
): Promise<T> {
  if (options.out !== undefined) makeFolder(options.out); // before minutes of work, and not behind them
  const { end, ...told } = reading(options);
  try {
    return await body({ ...options, rules: sampleRules(options), reading: told, warn });
  } finally {
    end();
  }
}
