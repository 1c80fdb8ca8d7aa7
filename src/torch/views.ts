import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readCurrentBuild } from "../../setup/current.mjs";
import { addon } from "./addon.ts";
import { engineCall } from "./operators.ts";
import { Tensor } from "./tensor.ts";

/**
 * Augmented views [N, 3, S, S], float32, channels-last in memory, of the pictures in `bytes`, made by one call of the addon where the
 * bytes lie. Recipe and jobs are numbers in the order of native/views.cc; src/augment/fused-views.ts writes them. On a GPU, see
 * `fusedViewsProblem` first.
 */
export const fusedViews = (bytes: Tensor, recipe: Float64Array, jobs: Float64Array): Tensor =>
  new Tensor(
    engineCall("views", [bytes], () => addon().views(bytes.handle, recipe, jobs, bytes.device.startsWith("cuda"))),
  );

const problems = new Map<string, string | null>();

/** Why a device makes no fused views, in words that follow a colon; null where it does. The first question compiles its kernels. */
export function fusedViewsProblem(device: string): string | null {
  if (device === "cpu") return null;
  if (!problems.has(device)) problems.set(device, problemOf(device));
  return problems.get(device)!;
}

function problemOf(device: string): string | null {
  if (!device.startsWith("cuda")) return `${device} has no kernels for them`;
  try {
    addon().openGpuViews(Number(device.split(":")[1] ?? 0), compilerPaths(readCurrentBuild()!.libtorch.lib));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Where NVRTC may lie: beside libtorch, in the packages that its wheel brings, then where the system's loader looks. */
export function compilerPaths(lib: string): string[] {
  const packages = join(lib, "..", "..", "nvidia");
  const folders = [lib, ...namesIn(packages).map((name) => join(packages, name, "lib")), "/usr/local/cuda/lib64"];
  const isCompiler = (name: string) => /^libnvrtc(-[0-9a-f]+)?\.so/.test(name);
  const found = folders.flatMap((folder) =>
    namesIn(folder)
      .filter(isCompiler)
      .map((name) => join(folder, name)),
  );
  return [...found, "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
