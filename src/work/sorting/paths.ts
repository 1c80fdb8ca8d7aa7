import { dirname } from "node:path";
import { bytesOfName } from "../../data/index.ts";

/** The bytes of a path by its name (see `nameOfBytes`). */
export const pathOf = (name: string): Buffer => Buffer.from(bytesOfName(name));

/** The folder that it lies in. */
export const folderOf = (name: string): Buffer => pathOf(dirname(name));
