/** A libtorch as it lies on this machine. */
export interface Libtorch {
  /** Where it was found: cpu or cuda (the pinned wheels in the cache), python3, debian, or folder. */
  source: string;
  root: string;
  lib: string;
  include: string;
  /** As its own files say now, such as 2.13.0. */
  version: string;
  /** Whether a CUDA part stands beside the CPU part. */
  cuda: boolean;
}
export interface CurrentBuild {
  addonPath: string;
  libtorch: Libtorch;
}
/** The addon that was built for the libtorch named by `wanted` (SELFSIGHT_LIBTORCH by itself), else the default one; undefined before set-up. */
export function readCurrentBuild(wanted?: string): CurrentBuild | undefined;
/** Whether `wanted`, a source or a folder, means this libtorch. */
export function isNamed(libtorch: Pick<Libtorch, "source" | "root">, wanted: string): boolean;
/** The version that the headers below `include` name; undefined where there are none. */
export function versionOf(include: string): string | undefined;
/** Where the addons of these sources lie, in the user's cache. */
export function buildFolder(): string;
/** The file that names the default build. */
export function currentRecord(): string;
export const projectRoot: string;
/** Every build of these sources. */
export function builds(): CurrentBuild[];
/** The file beside an addon that was compiled with CUDA's headers at hand: native/nccl.cc. */
export const cudaAddon: string;
