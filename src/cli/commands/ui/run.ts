import { displayName } from "../../../errors.ts";
import { exportRun, serveRuns, type Training } from "../../../serve/index.ts";
import type { Wish } from "../../../train/index.ts";
import { bytesText } from "../../terminal/amounts.ts";
import { stopOnSignals } from "../../terminal/stop-signals.ts";

export interface UiOptions {
  host: string;
  port?: number | undefined;
  readOnly?: true | undefined;
  export?: string | undefined;
}

/** `selfsight ui [RUNS]`: until a stop signal comes. */
export async function ui(folder: string, { host, port, readOnly, export: out }: UiOptions): Promise<void> {
  if (out !== undefined) {
    const { bytes } = await exportRun(folder, out);
    console.log(
      `wrote the pages of ${displayName(folder)} to ${displayName(out)} (${bytesText(bytes)}); open its index.html`,
    );
    return;
  }
  const listening = await serveRuns(folder, { host, port, acts: !readOnly, training });
  console.log(`open ${listening.url} (Ctrl-C ends it)`);
  await new Promise<void>((resolve) => {
    const stop = stopOnSignals(
      () => {
        stop.release();
        resolve();
      },
      () => {},
    );
  });
  await listening.close();
}

/** Loaded when it is first asked for: the page itself needs none of it, and neither of the two loads the engine. */
const training: Training = {
  settings: async (method) => (await import("./settings.ts")).settingsForForm(method),
  ask: async (folder, wish) => (await import("../../../train/index.ts")).askOfRun(folder, wish as Wish),
};
