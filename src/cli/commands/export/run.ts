import { displayName } from "../../../errors.ts";
import { type Card, type ExportOptions, exportBackbone } from "../../../work/index.ts";
import { warn } from "../../terminal/warn.ts";

/** `selfsight export RUN_OR_WEIGHTS --out FOLDER`. */
export async function exportTo(
  source: string,
  { json, ...options }: ExportOptions & { json?: true | undefined },
): Promise<void> {
  const { out } = options;
  const { files, card } = await exportBackbone(source, { ...options, warn });
  console.log(json ? JSON.stringify({ out, files, ...card }, null, 2) : sentence(source, out, files, card));
}

function sentence(source: string, out: string, files: readonly string[], { backbone, step, onnx }: Card): string {
  const origin = `${backbone} of ${displayName(source)}${step === null ? "" : `, step ${step}`}`;
  const check = onnx?.check
    ? `; ${onnx.check.inputs} inputs in ${onnx.check.runtime}: features at most ${onnx.check.largestDifference.toExponential(1)} of their length from the engine's`
    : "";
  return `wrote ${files.join(", ")} to ${displayName(out)}: ${origin}${check}`;
}
