import { join } from "node:path";
import {
  type ComparisonTable,
  comparisonTable,
  describePlans,
  firstFailure,
  labelOf,
  type NeededSet,
  neededSets,
  type Plan,
  runPlan,
  sheetsOf,
  terminalText,
  withFoundSets,
  writeTable,
} from "../../../compare/index.ts";
import { displayName, exitCodes, SelfsightError } from "../../../errors.ts";
import { planProgress } from "../../terminal/plan-progress.ts";
import { exitCodeAfter, type StopSignal, stopOnSignals } from "../../terminal/stop-signals.ts";
import { loadPlan } from "../../user-files/plan-file.ts";

export interface CompareOptions {
  out?: string;
  data?: string;
  list?: true;
  dry?: true;
  json?: true;
}

/** `selfsight compare PLAN --out DIR`, or `--list`. */
export async function compare(name: string | undefined, options: CompareOptions): Promise<void> {
  if (options.list) return listPlans(options);
  if (name === undefined)
    throw missing("no plan was named", "a shipped plan or a file", "see `selfsight compare --list`");
  const written = await loadPlan(name, options.data);
  if (options.dry) return sayPlan(written, options);
  const plan = withFoundSets(written);
  if (options.out === undefined)
    throw missing("no --out was given", "a folder for the runs", "add --out compared/NAME");
  await runToTable(plan, options.out, options.json === true);
}

const missing = (given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `compare: ${given}; ${needed} is needed; ${advice}`);

function listPlans({ json }: CompareOptions): void {
  const listed = describePlans();
  if (json) console.log(JSON.stringify(listed, null, 2));
  else
    for (const { name, title, cells, cost, needed } of listed) {
      console.log(`${name}\n  ${title}; ${cells} runs; ${cost}`);
      for (const line of needed.map(placeOf)) console.log(`  ${line}`);
    }
}

const placeOf = ({ title, path, needed }: NeededSet): string =>
  path === null ? `${title} is not here: below SELFSIGHT_DATA ${needed} is needed` : `${title}: ${displayName(path)}`;

/** What a plan would do, row by row. */
function sayPlan(plan: Plan, { json }: CompareOptions): void {
  const needed = neededSets(plan);
  const rows = plan.rows.map((row) => ({
    label: labelOf(row),
    budget: row.budget ?? plan.budget,
    batch: row.settings.batchSize ?? plan.base.batchSize ?? null,
  }));
  const measured = [...Object.keys(plan.evaluations), ...plan.measurements.map(({ key }) => key)];
  if (json) {
    console.log(
      JSON.stringify({ title: plan.title, data: plan.data, needed, rows, seeds: plan.seeds, measured }, null, 2),
    );
    return;
  }
  console.log(`${plan.title}\n${plan.cost}`);
  for (const line of needed.map(placeOf)) console.log(line);
  for (const { label, budget, batch } of rows) {
    const [[unit, amount]] = Object.entries(budget) as [[string, number]];
    console.log(
      `  ${label}: ${amount} ${unit}${batch === null ? "" : `, batch ${batch}`}, seeds ${plan.seeds.join(", ")}`,
    );
  }
  console.log(`measured: ${measured.join(", ")}`);
}

async function runToTable(plan: Plan, folder: string, isJson: boolean): Promise<void> {
  const display = planProgress(isJson ? process.stderr : process.stdout);
  const controller = new AbortController();
  const stop = stopOnSignals(() => controller.abort());
  try {
    const { reason, data, rows } = await runPlan(plan, {
      folder,
      signal: controller.signal,
      onProgress: display.show,
      onCellEnd: (own, found) => writeTable(folder, comparisonTable(plan, found, own)),
    });
    display.stop();
    const table = comparisonTable(plan, data, rows);
    writeTable(folder, table);
    if (reason === "stopped") sayHowToGoOn(stop.signal ?? "SIGTERM");
    else if (isJson) console.log(JSON.stringify(table, null, 2));
    else printTable(table, folder);
    const failure = firstFailure(rows);
    if (reason === "complete" && failure) process.exitCode = exitCodes[failure.kind];
  } finally {
    display.stop();
    stop.release();
  }
}

function printTable(table: ComparisonTable, folder: string): void {
  const [sheet] = sheetsOf(table);
  console.log(`\n${terminalText(sheet!)}\n`);
  for (const line of sheet!.foot) console.log(line);
  console.log(
    `\nThe whole table: ${["table.md", "table.html", "table.json"].map((file) => displayName(join(folder, file))).join(", ")}`,
  );
}

function sayHowToGoOn(signal: StopSignal): void {
  console.error("stopped on request and saved; the same command goes on");
  process.exitCode = exitCodeAfter[signal];
}
