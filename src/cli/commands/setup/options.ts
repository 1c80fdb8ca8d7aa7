import { type Command, Option } from "@commander-js/extra-typings";

/** Adds `setup`, and its offer before each command that needs the engine. */
export function addSetup(program: Command): void {
  program
    .command("setup")
    .description("bring the engine: find or fetch libtorch, compile the addon for it, once")
    .addOption(new Option("--check", "only say whether all is in place: exit code 0 or 2"))
    .addOption(new Option("--force", "look for libtorch again and compile anew"))
    .addOption(
      new Option(
        "--libtorch <which>",
        "cpu (the pinned build, fetched into the cache), cuda (one for NVIDIA's GPUs: Linux on x64, by pip, 2.7 GB, 4.4 GB on the disk), python3 (its torch), debian (its package), or a folder with lib/ and include/; kept from then on",
      ),
    )
    .addOption(new Option("--json", "print JSON for machines"))
    .addHelpText(
      "after",
      `
Without --libtorch: SELFSIGHT_LIBTORCH, else the first that is found of python3, cpu, debian.
Kept in XDG_CACHE_HOME or ~/.cache, below selfsight/.

Examples:
  selfsight setup
  selfsight setup --check --json
  selfsight setup --libtorch cuda
  selfsight setup --libtorch python3        with CUDA, where that torch has it`,
    )
    .action(async (options) => (await import("./run.ts")).setup(options));
  program.hook("preAction", async (_program, action) => {
    const { offerSetup } = await import("./offer.ts");
    await offerSetup(nameBelow(program, action), action.opts());
  });
}

/** The command's name at the top: `evaluate` for `evaluate knn`. */
function nameBelow(program: { commands: readonly unknown[] }, action: CommandNode): string {
  return action.parent && !program.commands.includes(action) ? nameBelow(program, action.parent) : action.name();
}

interface CommandNode {
  name(): string;
  parent: CommandNode | null;
}
