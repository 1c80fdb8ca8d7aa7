import { displayName } from "../../../errors.ts";
import { type LogEvent, type PartialSettings, settingFrom } from "../../../train/index.ts";
import type { SpeedrunReport, SpeedrunResult } from "../../../work/index.ts";
import { speedrunOf } from "../../../work/speedrun/speedrun.ts";
import { outcomeLine, spreadLines, testLine } from "../../../work/speedrun/write.ts";
import { type Progress, progress } from "../../terminal/progress.ts";
import { exitCodeAfter, stopOnSignals } from "../../terminal/stop-signals.ts";
import { commandLine } from "../pretrain/run.ts";

export interface SpeedrunCommandOptions {
  target?: number;
  out?: string;
  limitMinutes?: number;
  device?: string;
  seed?: number;
  seeds?: number;
  set?: string[];
  json?: true;
}

/** `selfsight speedrun DATA`: by the recipe for the target, as fast as this machine can. */
export async function speedrunCommand(data: string, options: SpeedrunCommandOptions): Promise<void> {
  const { device, seed, set = [], json, ...rest } = options;
  const flags = { ...(device !== undefined && { device }), ...(seed !== undefined && { seed }) };
  const layers: PartialSettings[] = [flags, ...set.map(settingFrom)];
  const shown = displays(json ? process.stderr : process.stdout);
  const stopping = new AbortController();
  const stop = stopOnSignals(() => stopping.abort(), shown.say);
  try {
    const run = { ...rest, command: commandLine(), startedAt: 0, signal: stopping.signal, onEvent: shown.show };
    const report = await speedrunOf(data, layers, run);
    shown.stop();
    tell(report, options, shown.say);
    if (report.runs.at(-1)!.outcome === "stopped") process.exitCode = exitCodeAfter[stop.signal ?? "SIGTERM"];
  } finally {
    shown.stop();
    stop.release();
  }
}

/** Each run has a progress of its own. */
function displays(stream: NodeJS.WriteStream): Progress {
  let current = progress(stream);
  return {
    show(event: LogEvent) {
      if (event.event === "start") current = progress(stream);
      current.show(event);
    },
    say: (line) => current.say(line),
    stop: () => current.stop(),
  };
}

function tell(report: SpeedrunReport, { json }: SpeedrunCommandOptions, say: (line: string) => void): void {
  const { folder, runs } = report;
  for (const run of runs) for (const line of linesOf(run)) say(line);
  if (runs.length > 1) for (const line of spreadLines(report)) say(line);
  say(`written: speedrun.json and speedrun.md in ${displayName(folder)}`);
  if (json) console.log(JSON.stringify(report, null, 2));
}

function linesOf(run: SpeedrunResult): string[] {
  const lines = [outcomeLine(run), testLine(run)];
  if (run.outcome !== "stopped") return lines;
  return [...lines, `saved; go on without the clock: selfsight pretrain --resume ${displayName(run.folder)}`];
}
