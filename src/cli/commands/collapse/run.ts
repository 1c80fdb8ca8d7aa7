import { join } from "node:path";
import {
  type CollapseRow,
  collapsePlan,
  collapseRows,
  collapseSheet,
  firstFailure,
  runPlan,
  terminalText,
  writeCollapse,
} from "../../../compare/index.ts";
import { displayName, exitCodes, SelfsightError } from "../../../errors.ts";
import { planProgress } from "../../terminal/plan-progress.ts";
import { exitCodeAfter, stopOnSignals } from "../../terminal/stop-signals.ts";

export interface CollapseOptions {
  out?: string;
  method?: string[];
  steps?: number;
  seed?: number;
  seeds?: number;
  json?: true;
}

/** `selfsight collapse --out DIR`. */
export async function collapse({ out, method = [], steps, seed = 0, seeds = 1, json }: CollapseOptions): Promise<void> {
  if (out === undefined)
    throw new SelfsightError(
      "configuration",
      "collapse: no --out was given; a folder for the runs is needed; add --out compared/collapse",
    );
  const plan = collapsePlan({
    methods: method,
    ...(steps !== undefined && { steps }),
    seeds: Array.from({ length: seeds }, (_, place) => seed + place),
  });
  const display = planProgress(json ? process.stderr : process.stdout);
  const controller = new AbortController();
  const stop = stopOnSignals(() => controller.abort());
  try {
    const run = { folder: out, withCorrelation: true, signal: controller.signal, onProgress: display.show };
    const { reason, rows: planned } = await runPlan(plan, run);
    display.stop();
    const rows = collapseRows(plan, planned);
    await writeCollapse(out, rows);
    if (reason === "stopped") {
      console.error("stopped on request and saved; the same command goes on");
      process.exitCode = exitCodeAfter[stop.signal ?? "SIGTERM"];
      return;
    }
    if (json) console.log(JSON.stringify(rows.map(withoutPictures), null, 2));
    else printRows(rows, out);
    const failure = firstFailure(planned);
    if (failure) process.exitCode = exitCodes[failure.kind];
  } finally {
    display.stop();
    stop.release();
  }
}

const withoutPictures = ({ runs, ...row }: CollapseRow) => ({
  ...row,
  runs: runs.map(({ correlation: _, curves: __, ...run }) => run),
});

function printRows(rows: readonly CollapseRow[], folder: string): void {
  const sheet = collapseSheet(rows);
  console.log(`\n${terminalText(sheet)}\n`);
  for (const line of sheet.foot) console.log(line);
  console.log(`\nWith pictures: ${displayName(join(folder, "collapse.html"))}; also collapse.md, collapse.json`);
}
