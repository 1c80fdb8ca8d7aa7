/** Packs into `folder` and returns the path of the .tgz. */
export function pack(folder: string): string;
/** The files of an unpacked package, by their paths in it. */
export function filesIn(folder: string): string[];
/** An empty project with the package in its node_modules, made without a registry. */
export function installOffline(archive: string, folder: string): string;
