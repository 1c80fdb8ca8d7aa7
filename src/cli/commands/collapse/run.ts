import { join } from "node:path";
import {
  type CollapseRow,
  collapsePlan,
  collapseRows,
  collapseSheet,
  terminalText,
  writeCollapse,
} from "../../../compare/index.ts";
import { displayName, SelfsightError } from "../../../errors.ts";
import { runPlanHere, withOthersCells } from "../../processes/plans.ts";
import type { ProcessOptions } from "../../processes/together.ts";

export interface CollapseOptions extends ProcessOptions {
  out?: string;
  method?: string[];
  steps?: number;
  seed?: number;
  seeds?: number;
  json?: true;
}

/** `selfsight collapse --out DIR`; by one process or several. */
export async function collapse(options: CollapseOptions): Promise<void> {
  const { out, method = [], steps, seed = 0, seeds = 1, json } = options;
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
  await withOthersCells("collapse", options, (team) =>
    runPlanHere(
      plan,
      { folder: out, isJson: json === true, team },
      {
        withCorrelation: true,
        async onEnd({ reason, rows: planned }) {
          const rows = collapseRows(plan, planned);
          await writeCollapse(out, rows);
          if (reason === "stopped") return;
          if (json) console.log(JSON.stringify(rows.map(withoutPictures), null, 2));
          else printRows(rows, out);
        },
      },
    ),
  );
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
