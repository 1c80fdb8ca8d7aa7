import { displayName } from "../../../errors.ts";
import { type ExportOptions, exportRun } from "../../../work/export.ts";
import { warn } from "../../terminal/warn.ts";

/** `selfsight export RUN --out FOLDER`. */
export function exportTo(folder: string, { json, ...options }: ExportOptions & { json?: true | undefined }): void {
  const { out } = options;
  const { files, card } = exportRun(folder, { ...options, warn });
  const sentence = `wrote ${files.join(", ")} to ${displayName(out)}: ${card.backbone} of ${displayName(folder)}, step ${card.step}`;
  console.log(json ? JSON.stringify({ out, files, ...card }, null, 2) : sentence);
}
