import { Command } from "@commander-js/extra-typings";
import { kindInCommand, SelfsightError } from "../errors.ts";
import { version } from "../version.ts";
import { addBench } from "./bench/options.ts";
import { addClassify } from "./commands/classify/options.ts";
import { addCluster } from "./commands/cluster/options.ts";
import { addCollapse } from "./commands/collapse/options.ts";
import { addCompare } from "./commands/compare/options.ts";
import { addCompletion } from "./commands/completion/options.ts";
import { addDetect } from "./commands/detect/options.ts";
import { addDuplicates } from "./commands/duplicates/options.ts";
import { addEmbed } from "./commands/embed/options.ts";
import { addEvaluate } from "./commands/evaluate/options.ts";
import { addExport } from "./commands/export/options.ts";
import { addImport } from "./commands/import/options.ts";
import { addLog } from "./commands/log/options.ts";
import { addOutliers } from "./commands/outliers/options.ts";
import { addPage } from "./commands/page/options.ts";
import { addPretrain } from "./commands/pretrain/options.ts";
import { addQuickstart } from "./commands/quickstart/options.ts";
import { addRuns } from "./commands/runs/options.ts";
import { addScore } from "./commands/score/options.ts";
import { addSearch } from "./commands/search/options.ts";
import { addSettings } from "./commands/settings/options.ts";
import { addSetup } from "./commands/setup/options.ts";
import { addSort } from "./commands/sort/options.ts";
import { addSpeedrun } from "./commands/speedrun/options.ts";
import { addSteer } from "./commands/steer/options.ts";
import { addStudio } from "./commands/studio/options.ts";
import { addUi } from "./commands/ui/options.ts";
import { addVerify } from "./commands/verify/options.ts";
import { refuseEmptyValues } from "./terminal/empty-values.ts";
import { jsonOption } from "./terminal/shared-options.ts";

// Only commander is loaded here: each command imports its own file when it runs, so `--help` never touches libtorch.

const program = new Command("selfsight")
  .description("Self-supervised vision: learn image representations from unlabelled pictures.")
  .version(version)
  .showHelpAfterError("(see `selfsight --help`)")
  .enablePositionalOptions()
  .exitOverride()
  .hook("preAction", (_, command) => refuseEmptyValues(command));

addQuickstart(program);
addSetup(program);

program
  .command("doctor")
  .description("say which libtorch, devices, precision, threads and pictures are found")
  .addOption(jsonOption())
  .addHelpText("after", "\nExample:\n  selfsight doctor --json")
  .action(async (options) => (await import("./commands/doctor.ts")).doctor(options));

addPretrain(program);
addSettings(program);
addRuns(program);
addLog(program);
addUi(program);
addSteer(program);
addStudio(program);
addEvaluate(program);
addScore(program);
addCompare(program);
addCollapse(program);
addSpeedrun(program);
addBench(program);
addCompletion(program);

addImport(program);
addExport(program);
addEmbed(program);
addVerify(program);
addSearch(program);
addDuplicates(program);
addCluster(program);
addOutliers(program);
addClassify(program);
addSort(program);
addDetect(program);
addPage(program);

for (const command of program.commands) command.showHelpAfterError(`(see \`selfsight ${command.name()} --help\`)`);

program.addHelpText(
  "after",
  `
Examples:
  selfsight quickstart                                   five minutes, real pictures, a report
  selfsight pretrain photos/ --size 64 --epochs 50       learn from a folder
  selfsight evaluate knn runs/photos --data photos/      what it learned, where there are labels
  selfsight pretrain --resume runs/photos                go on after an interruption, to the bit

Where selfsight is not on the path, type npx selfsight: in a project that has it installed, or in its clone.

Exit codes: 0 done, 1 a fault of Selfsight, 2 configuration, 3 data, 4 storage, 5 checkpoint, 6 not finite, 7 distributed,
8 refused as unsafe, 9 out of memory, 129/130/143 stopped on request after saving.
With --json, a failure prints {"error": {"kind", "message", "exitCode"}}.`,
);

// A closed pipe or terminal must not end a run: what it would have shown is in the log. A full disk loses a result: that is said.
process.stderr.on("error", () => {});
process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code === "EPIPE") return;
  process.exitCode = 4;
  console.error(
    `selfsight: output: ${cause.message}; what was printed is not complete; free some space and run it again`,
  );
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

/** Prints what happened, for machines where they are addressed, and returns the exit code. */
function explain(error: unknown): number {
  const exitCode = explainToPeople(error);
  if (exitCode !== 0 && process.argv.includes("--json")) {
    const kind = isCommanderError(error) ? "configuration" : kindInCommand(error);
    const message = (error instanceof Error ? error.message : String(error)).replace(/^error: /, ""); // commander's opening
    console.log(JSON.stringify({ error: { kind, message, exitCode } }, null, 2));
  }
  return exitCode;
}

function explainToPeople(error: unknown): number {
  if (error instanceof SelfsightError && kindInCommand(error) !== "bug") {
    console.error(`selfsight: ${error.message}`);
    return error.exitCode;
  }
  if (isCommanderError(error)) return error.exitCode === 0 ? 0 : 2; // commander has printed its own sentence
  console.error(`selfsight: internal error: ${error instanceof Error ? error.message : String(error)}`);
  console.error("This is a fault of Selfsight; please report it with the command and these lines:");
  console.error(error instanceof Error ? error.stack : error);
  return 1;
}

function isCommanderError(error: unknown): error is { exitCode: number } {
  return error instanceof Error && "code" in error && String(error.code).startsWith("commander.");
}
