import { Presets, SingleBar } from "cli-progress";
import type { BadFile, Sharing } from "../../evaluate/index.ts";
import { warn } from "./warn.ts";

/** Told of pictures while they are read. */
export interface Reading {
  onProgress(done: number, total: number): void;
  onBadFile(file: BadFile): void;
  onRemark(sentence: string): void;
  sharing: Sharing | undefined;
  end(): void;
}

/** Progress as a bar on a terminal, from the first batch on; bad files are named. Among several processes `sharing` reads with it. */
export function reading({ json }: { json?: true | undefined }, sharing?: Sharing): Reading {
  const isShown = process.stdout.isTTY && !json;
  let bar: SingleBar | undefined;
  return {
    onProgress(done, total) {
      if (!isShown) return;
      if (!bar) {
        bar = new SingleBar({ hideCursor: true, clearOnComplete: true }, Presets.rect);
        bar.start(total, done);
      }
      bar.update(done);
    },
    onBadFile: ({ reason }) => warn(reason),
    onRemark: warn,
    sharing,
    end: () => bar?.stop(),
  };
}
