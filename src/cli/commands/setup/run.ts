import { readyEngine, SetupError, setUpEngine } from "../../../../setup/engine.mjs";
import { SelfsightError } from "../../../errors.ts";
import { engine } from "../../../torch/index.ts";

export interface SetupOptions {
  check?: true | undefined;
  force?: true | undefined;
  libtorch?: string | undefined;
  json?: true | undefined;
}

/** `selfsight setup`: libtorch and the addon, found, fetched or compiled where they are missing; exit 2 where that fails. */
export async function setup(options: SetupOptions): Promise<void> {
  if (options.check) refuseUnready(options.libtorch);
  else await setUp(options);
  report(options);
}

/** Brings the engine, its failure as a sentence of ours. */
export async function setUp(options: Pick<SetupOptions, "force" | "libtorch">): Promise<void> {
  try {
    await setUpEngine(options);
  } catch (cause) {
    if (!(cause instanceof SetupError)) throw cause;
    throw new SelfsightError("configuration", `setup: ${cause.message}`, { cause });
  }
}

function refuseUnready(libtorch: string | undefined): void {
  if (readyEngine(libtorch)) return;
  const which = libtorch === undefined ? "" : ` for --libtorch ${libtorch}`;
  throw new SelfsightError(
    "configuration",
    `setup: the engine is not ready${which}: no addon is compiled for these sources and the libtorch as it is now; run \`npx selfsight setup${libtorch === undefined ? "" : ` --libtorch ${libtorch}`}\``,
  );
}

/** Loads what was set up, so that "ready" is no promise but a fact. */
function report({ libtorch, json }: SetupOptions): void {
  if (libtorch !== undefined) process.env.SELFSIGHT_LIBTORCH = libtorch;
  const { builtFor, cudaDevices } = engine();
  const build = readyEngine()!;
  const { source, root } = build.libtorch;
  if (json)
    console.log(
      JSON.stringify(
        { ready: true, libtorch: { version: builtFor, source, root }, addon: build.addonPath, cudaDevices },
        null,
        2,
      ),
    );
  else console.log(`ready: libtorch ${builtFor} (${source}: ${root})${cudaDevices > 0 ? `, ${cudaDevices} GPUs` : ""}`);
}
