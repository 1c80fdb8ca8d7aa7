import { basename } from "node:path";
import type { Split } from "../../../data/index.ts";
import { displayName } from "../../../errors.ts";
import type { Sharing } from "../../../evaluate/index.ts";
import type { Embedded } from "../../../work/embeddings/embed.ts";
import { embedToIndex } from "../../../work/embeddings/embed-folder.ts";
import { formatOf } from "../../../work/embeddings/files/formats.ts";
import type { Shard } from "../../../work/embeddings/shards.ts";
import type { RepresentationOptions } from "../../../work/representation.ts";
import { type ProcessOptions, withHelpers } from "../../processes/together.ts";
import { reading } from "../../terminal/reading.ts";
import { type SampleOptions, sampleRules } from "../../terminal/sample-rules.ts";
import { exitCodeAfter, stopOnSignals } from "../../terminal/stop-signals.ts";
import { warn } from "../../terminal/warn.ts";

export interface EmbedOptions extends SampleOptions, ProcessOptions, Pick<RepresentationOptions, "precision" | "size"> {
  out: string;
  split?: Split | undefined;
  shard?: Shard | undefined;
  json?: true | undefined;
}

/** `selfsight embed RUN_OR_WEIGHTS DATA --out FILE`: the features of every picture, or of one, as an index; by one process or several. */
export async function embed(source: string, data: string, options: EmbedOptions): Promise<void> {
  formatOf(options.out); // before any work
  await withHelpers("embed", options, (sharing) => embedWith(sharing, source, data, options));
}

async function embedWith(sharing: Sharing | undefined, source: string, data: string, options: EmbedOptions) {
  const stopping = new AbortController();
  const stop = stopOnSignals(() => stopping.abort());
  const onWish = () => void (stopping.signal.aborted || sharing?.onWish?.());
  const { end, ...told } = reading(options, sharing && { ...sharing, onWish });
  try {
    const embedded = await embedToIndex(source, data, options.out, {
      ...options,
      rules: sampleRules(options),
      reading: told,
      signal: stopping.signal,
      say: console.error,
      warn,
    });
    end();
    if (embedded.isComplete) say(embedded, options);
    else {
      console.error(`stopped after ${embedded.length} embeddings, which are saved; the same command goes on`);
      process.exitCode = exitCodeAfter[stop.signal!];
    }
  } finally {
    end();
    stop.release();
  }
}

function say({ file, length, dimensions, notes }: Embedded, { json }: EmbedOptions): void {
  const { names: _, ...facts } = notes;
  if (json) {
    console.log(JSON.stringify({ out: file, length, dimensions, ...facts }, null, 2));
    return;
  }
  const part = facts.split === "all" ? "" : ` the ${facts.split} split of`;
  const which = facts.shard === null ? "all pictures of" : `part ${facts.shard} of the pictures of`;
  const files = `to ${displayName(file)}, their names to ${displayName(basename(file))}.json`;
  const bad = facts.badFiles.length;
  console.log(
    `wrote ${length} embeddings of ${dimensions} values ${files}: ${which}${part} ${displayName(facts.data)}${bad === 0 ? "" : ` but ${bad} that could not be read`}`,
  );
}
