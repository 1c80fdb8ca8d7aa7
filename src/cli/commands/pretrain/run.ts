import { join } from "node:path";
import { leads, type Team } from "../../../distributed/index.ts";
import { displayName, SelfsightError } from "../../../errors.ts";
import {
  type ForkPoint,
  forkPointFrom,
  forkRun,
  goOnWithRun,
  type LogEvent,
  type PartialSettings,
  type PreparedRun,
  preparedByLeader,
  replayRun,
  type StartOptions,
  settingFrom,
  startRun,
  type TrainResult,
} from "../../../train/index.ts";
import { liveTensorboard } from "../../../work/curves/write-curves.ts";
import { trainRun } from "../../../work/pretrain.ts";
import { inProcesses, type ProcessOptions } from "../../processes/together.ts";
import { noProgress, progress } from "../../terminal/progress.ts";
import { exitCodeAfter, type StopSignal, stopOnSignals } from "../../terminal/stop-signals.ts";
import { warn } from "../../terminal/warn.ts";
import { loadRecipe } from "../../user-files/recipe-file.ts";
import { type SettingFlag, settingFlags } from "./flags.ts";

export interface PretrainOptions extends ProcessOptions {
  method?: string;
  recipe?: string;
  config?: string;
  backbone?: string;
  size?: number;
  batch?: number;
  epochs?: number;
  steps?: number;
  precision?: string;
  device?: string;
  seed?: number;
  range?: number[];
  bands?: number[];
  out?: string;
  set?: string[];
  from?: string;
  replay?: string;
  resume?: string;
  acceptDatasetChange?: true;
  takeOver?: true;
  tensorboard?: true;
  json?: true;
}

/** `selfsight pretrain DATA`, or `selfsight pretrain --resume RUN`; in one process or as one of several. */
export const pretrain = (data: string | undefined, options: PretrainOptions): Promise<void> =>
  inProcesses("pretrain", options, (team) => startOrResume(data, options, team));

async function startOrResume(data: string | undefined, options: PretrainOptions, team?: Team): Promise<void> {
  if (options.resume !== undefined) await resume(options.resume, data, options, team);
  else if (options.replay !== undefined) await startAnew(data, options, team, replayOf(options.replay));
  else if (options.from !== undefined && forkPointFrom(options.from))
    await startAnew(data, options, team, forkOf(forkPointFrom(options.from)!));
  else if (data !== undefined) await startAnew(data, options, team, newRunOf(data, options));
  else
    throw new SelfsightError(
      "configuration",
      "pretrain: no pictures were named; a folder or a known name is needed; try `selfsight pretrain shapes --steps 50`",
    );
}

type Making = (
  data: string | undefined,
  layers: PartialSettings[],
  options: Omit<StartOptions, "from">,
) => Promise<PreparedRun>;

const newRunOf =
  (data: string, { from }: PretrainOptions): Making =>
  (_, layers, options) =>
    startRun(data, layers, { ...options, from });
const forkOf =
  (point: ForkPoint): Making =>
  (data, layers, options) =>
    forkRun(point, data, layers, options);
const replayOf =
  (folder: string): Making =>
  (data, layers, options) =>
    replayRun(folder, data, layers, options);

async function startAnew(data: string | undefined, options: PretrainOptions, team: Team | undefined, make: Making) {
  const making = { out: options.out, processes: team?.size, command: commandLine(), warn, say: console.error };
  const prepare = async () => make(data, await layersOf(options), making);
  const run = team ? await preparedByLeader(team, prepare) : await prepare();
  const result = await runToEnd(run, options, team);
  if (leads(team)) sayResult(run.folder, result, options);
}

/** What run.json says began the run. */
export const commandLine = (): string => `selfsight ${process.argv.slice(2).join(" ")}`;

function sayResult(folder: string, result: TrainResult, { json }: PretrainOptions): void {
  if (json) console.log(JSON.stringify({ folder, ...result }, null, 2));
}

/** Recipe, options and `--set`, later ones winning. */
const layersOf = async (options: PretrainOptions): Promise<PartialSettings[]> => [
  await recipeOf(options),
  optionsAsSettings(options),
  ...(options.set ?? []).map(settingFrom),
];

/** `--config FILE` is `--recipe FILE` under the name that other programs have for it. */
const recipeOf = async ({ recipe, config }: PretrainOptions): Promise<PartialSettings> =>
  recipe === undefined && config === undefined ? {} : loadRecipe((recipe ?? config)!);

/** What the options say, under the settings' names; resolveSettings checks it, so wrong values are named there. */
function optionsAsSettings(options: PretrainOptions): PartialSettings {
  const given = Object.entries(settingFlags).map(([flag, key]) => [key, options[flag as SettingFlag]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as PartialSettings;
}

async function resume(folder: string, data: string | undefined, options: PretrainOptions, team?: Team): Promise<void> {
  if (options.out !== undefined)
    throw new SelfsightError(
      "configuration",
      `pretrain: --out ${displayName(options.out)} with --resume; a run goes on in its own folder; leave --out away`,
    );
  const prepare = async () =>
    goOnWithRun(folder, await layersOf(options), {
      data,
      acceptDatasetChange: options.acceptDatasetChange === true,
      takeOver: options.takeOver === true,
      processes: team?.size,
      warn,
      say: console.error,
    });
  const run = team ? await preparedByLeader(team, prepare) : await prepare();
  const result = await runToEnd(run, options, team);
  if (!leads(team)) return;
  if (options.json) sayResult(folder, result, options);
  else if (run.checkpoint?.state.step === result.totalSteps)
    console.log(`already complete: all ${result.totalSteps} steps were done`);
}

/** Trains with progress on the terminal, on standard error where standard output is for a machine; SIGINT and SIGTERM end it after the step, saved. */
export async function runToEnd(
  run: PreparedRun,
  { json, tensorboard }: { json?: true | undefined; tensorboard?: true | undefined },
  team?: Team,
): Promise<TrainResult> {
  const display = leads(team) ? progress(json ? process.stderr : process.stdout) : noProgress;
  const curves = tensorboard && leads(team) ? curvesOf(run, display.say) : undefined;
  const stopping = new AbortController();
  const stop = stopOnSignals(() => stopping.abort(), display.say);
  try {
    const onEvent = (event: LogEvent) => {
      display.show(event);
      curves?.write(event);
    };
    const result = await trainRun(run, { signal: stopping.signal, onEvent, team });
    display.stop();
    if (result.reason === "stopped") sayHowToGoOn(run.folder, stop.signal ?? "SIGTERM", display.say); // another process was asked
    return result;
  } finally {
    display.stop();
    curves?.close();
    stop.release();
  }
}

/** Within the run's folder, where `tensorboard --logdir runs` finds them. */
const curvesOf = ({ folder, settings }: PreparedRun, say: (line: string) => void) =>
  liveTensorboard(join(folder, "tensorboard"), settings.batchSize, say);

function sayHowToGoOn(folder: string, signal: StopSignal, say: (line: string) => void): void {
  say(`stopped on request and saved; go on with: selfsight pretrain --resume ${displayName(folder)}`);
  process.exitCode = exitCodeAfter[signal];
}
