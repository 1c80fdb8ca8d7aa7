import { displayName, SelfsightError } from "../../../errors.ts";
import { type ActEvent, readLog, readRun } from "../../../train/index.ts";
import { type CurveFiles, writeCurves } from "../../../work/curves/write-curves.ts";
import { describeAct } from "../../terminal/progress.ts";

export interface LogOptions extends CurveFiles {
  acts?: true | undefined;
  json?: true | undefined;
}

/** `selfsight log RUN --csv FILE --tensorboard FOLDER --acts`. */
export function log(folder: string, { json, acts, ...wanted }: LogOptions): void {
  if (acts) showActs(folder, json === true);
  if (wanted.csv !== undefined || wanted.tensorboard !== undefined) showFiles(folder, wanted, json === true);
  else if (!acts)
    throw new SelfsightError(
      "configuration",
      "log: none of --csv, --tensorboard and --acts was given; one is needed; add --csv FILE, or read log.jsonl in the run's folder",
    );
}

function showActs(folder: string, isForMachines: boolean): void {
  readRun(folder);
  const acts = readLog(folder).filter((event): event is ActEvent => event.event === "act");
  if (isForMachines) console.log(JSON.stringify({ acts }, null, 2));
  else if (acts.length === 0) console.log(`nothing was asked of ${displayName(folder)} while it trained`);
  else for (const act of acts) console.log(`${displayName(act.time)}  ${describeAct(act)}`);
}

function showFiles(folder: string, wanted: CurveFiles, isForMachines: boolean): void {
  const { points, files } = writeCurves(folder, wanted);
  if (isForMachines) console.log(JSON.stringify({ points, files }, null, 2));
  else console.log(`wrote ${points} points of ${displayName(folder)} to ${files.map(displayName).join(" and ")}`);
}
