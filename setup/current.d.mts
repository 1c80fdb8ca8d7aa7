/** A libtorch as it lies on this machine. */
export interface Libtorch {
  /** Where it was found: python3, cache, debian or SELFSIGHT_LIBTORCH. */
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
/** The addon that was built for the libtorch in use; undefined before set-up. */
export function readCurrentBuild(): CurrentBuild | undefined;
/** The version that the headers below `include` name; undefined where there are none. */
export function versionOf(include: string): string | undefined;
export const buildFolder: string;
export const projectRoot: string;
