import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { scripts } from "./scripts.ts";
import type { Shell } from "./shells.ts";
import { commandWords } from "./words.ts";

/** `selfsight completion SHELL`: the script, from the commands as they are. */
export const printCompletion = (shell: Shell, program: CommandUnknownOpts): void =>
  console.log(scripts[shell](commandWords(program)));
