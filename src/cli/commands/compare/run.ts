import { join } from "node:path";
import {
  type ComparisonTable,
  comparisonTable,
  describePlans,
  labelOf,
  type NeededSet,
  neededSets,
  type Plan,
  sheetsOf,
  terminalText,
  withFoundSets,
  writeTable,
} from "../../../compare/index.ts";
import type { Team } from "../../../distributed/index.ts";
import { displayName, SelfsightError } from "../../../errors.ts";
import { runPlanHere, withOthersCells } from "../../processes/plans.ts";
import type { ProcessOptions } from "../../processes/together.ts";
import { loadPlan } from "../../user-files/plan-file.ts";

export interface CompareOptions extends ProcessOptions {
  out?: string;
  data?: string;
  list?: true;
  dry?: true;
  json?: true;
}

/** `selfsight compare PLAN --out DIR`, or `--list`; by one process or several. */
export async function compare(name: string | undefined, options: CompareOptions): Promise<void> {
  if (options.list) return listPlans(options);
  if (name === undefined)
    throw missing("no plan was named", "a shipped plan or a file", "see `selfsight compare --list`");
  if (options.dry) return sayPlan(await loadPlan(name, options.data), options);
  const { out } = options;
  if (out === undefined) throw missing("no --out was given", "a folder for the runs", "add --out compared/NAME");
  const load = async () => withFoundSets(await loadPlan(name, options.data));
  await withOthersCells("compare", options, async (team) => {
    const plan = team ? await team.byLeader(load) : await load();
    return runToTable(plan, out, options.json === true, team);
  });
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

const runToTable = (plan: Plan, folder: string, isJson: boolean, team?: Team): Promise<number> =>
  runPlanHere(
    plan,
    { folder, isJson, team },
    {
      onCellEnd: (rows, data) => writeTable(folder, comparisonTable(plan, data, rows)),
      onEnd({ reason, data, rows }) {
        const table = comparisonTable(plan, data, rows);
        writeTable(folder, table);
        if (reason === "stopped") return;
        if (isJson) console.log(JSON.stringify(table, null, 2));
        else printTable(table, folder);
      },
    },
  );

function printTable(table: ComparisonTable, folder: string): void {
  const [sheet] = sheetsOf(table);
  console.log(`\n${terminalText(sheet!)}\n`);
  for (const line of sheet!.foot) console.log(line);
  console.log(
    `\nThe whole table: ${["table.md", "table.html", "table.json"].map((file) => displayName(join(folder, file))).join(", ")}`,
  );
}
