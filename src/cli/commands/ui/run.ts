import { serveRuns } from "../../../serve/index.ts";
import { stopOnSignals } from "../../terminal/stop-signals.ts";

export interface UiOptions {
  host: string;
  port?: number | undefined;
  readOnly?: true | undefined;
}

/** `selfsight ui [RUNS]`: until a stop signal comes. */
export async function ui(folder: string, { host, port, readOnly }: UiOptions): Promise<void> {
  const listening = await serveRuns(folder, { host, port, acts: !readOnly });
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
