import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readCurrentBuild } from "../../../setup/current.mjs";
import { loadLibrary } from "../modes.ts";
import { addOperators } from "../operators.ts";
import { torchvisionSchemas } from "../schemas.ts";

let problem: string | null | undefined;

/**
 * Why torchvision's operators cannot be called, in words that follow a colon; null where they can. The first question opens its library.
 * Only the one that lies beside the loaded libtorch is: another would bring a second libtorch into the process.
 */
export function torchvisionProblem(): string | null {
  problem ??= openTorchvision() ?? null;
  return problem;
}

function openTorchvision(): string | undefined {
  const { root, source } = readCurrentBuild()!.libtorch;
  const library = torchvisionFolders(root, source).flatMap(librariesIn)[0];
  if (library === undefined) return "no torchvision lies beside this libtorch";
  try {
    loadLibrary(library);
    addOperators(torchvisionSchemas);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A Python environment has it beside torch; Debian's packages agree in their releases. */
export const torchvisionFolders = (root: string, source: string): string[] => [
  ...(basename(root) === "torch" ? [join(dirname(root), "torchvision")] : []),
  ...(source === "debian" ? ["/usr/lib/python3/dist-packages/torchvision"] : []),
];

function librariesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => /^_C\b.*\.so$/.test(name));
    return names.sort().map((name) => join(folder, name));
  } catch {
    return [];
  }
}
