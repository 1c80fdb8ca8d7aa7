import { terminalText } from "../../../compare/index.ts";
import { displayName, SelfsightError } from "../../../errors.ts";
import { type ImportOptions, type ImportReport, importWeights, listCatalogue } from "../../../work/import.ts";
import { bytesText } from "../../terminal/amounts.ts";
import { downloadProgress } from "../../terminal/download-progress.ts";

type CommandOptions = Omit<ImportOptions, "out"> & {
  out?: string | undefined;
  list?: true | undefined;
  json?: true | undefined;
};

/** `selfsight import FILE_OR_URL_OR_NAME --out WEIGHTS.safetensors`, or `--list`. */
export async function importFrom(source: string | undefined, options: CommandOptions): Promise<void> {
  if (options.list) return list(options);
  if (source === undefined)
    throw missing("nothing was named", "a file, an address or a name", "see `selfsight import --list`");
  if (options.out === undefined)
    throw missing("no --out was given", "a file to write", "add --out weights.safetensors");
  const display = downloadProgress();
  try {
    const { json, list: _, out, ...rest } = options;
    const report = await importWeights(source, { ...rest, out, onProgress: display.show });
    display.stop();
    if (json) console.log(JSON.stringify(report, null, 2));
    else print(report);
  } finally {
    display.stop();
  }
}

const missing = (given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `import: ${given}; ${needed} is needed; ${advice}`);

function list({ json }: CommandOptions): void {
  const entries = listCatalogue();
  if (json) {
    console.log(JSON.stringify(entries, null, 2));
    return;
  }
  for (const { name, title, figure, licence, url, bytes } of entries)
    console.log(
      `${name}\n  ${title}; ${figure}\n  ${licence}; ${bytes === undefined ? "" : `${bytesText(bytes)}; `}${url}`,
    );
}

const mostNames = 5;

function print(report: ImportReport): void {
  const { out, bytes, source, layout, taken, others, table, backbone, stem, width, size } = report;
  console.log(`${displayName(source)}: ${layout}${others.length > 0 ? `, ${displayName(taken)}` : ""}`);
  if (others.length > 0) console.log(`also in it: ${others.map(displayName).join(", ")} (--take)`);
  console.log(`\n${terminalText({ headings: ["", "tensors", "which"], rows: rowsOf(table) })}\n`);
  console.log(`left out: ${leftOutText(report)}`);
  const { mean, std } = report.normalization;
  console.log(
    `${backbone}, stem ${stem}, width ${width}, pictures of ${size} pixels; mean ${mean.join(", ")}, std ${std.join(", ")}: ${report.normalizationFrom}`,
  );
  console.log(`licence: ${report.licence ?? "not known here; ask where the file is from"}`);
  for (const note of report.notes) console.log(`note: ${note}`);
  console.log(`wrote ${displayName(out)} (${bytesText(bytes)})`);
}

function rowsOf({ loaded, missing: absent, unexpected, shape }: ImportReport["table"]): string[][] {
  const shapes = shape.map(({ name, found, needed }) => `${name} [${found.join(", ")}], [${needed.join(", ")}] needed`);
  return Object.entries({ loaded, missing: absent, unexpected, shape: shapes }).map(([kind, names]) => [
    kind,
    String(names.length),
    kind === "loaded" ? "" : shortened(names),
  ]);
}

const shortened = (names: readonly string[]): string =>
  names.slice(0, mostNames).map(displayName).join(", ") + (names.length > mostNames ? ", ..." : "");

function leftOutText({ leftOut }: ImportReport): string {
  const parts = Object.entries(leftOut).map(([part, count]) => `${displayName(part)} (${count})`);
  return parts.length === 0 ? "nothing" : shortened(parts);
}
