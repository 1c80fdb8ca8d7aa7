import type { Command as TypedCommand } from "@commander-js/extra-typings";
import { type Command, Option } from "commander";
import type { MeasureOptions, ProtocolName } from "../../../work/index.ts";
import { sharingOptions } from "../../processes/options.ts";
import { wholeNumber, wholeNumberFrom } from "../../terminal/numbers.ts";
import {
  bandsOption,
  jsonOption,
  precisionOption,
  rangeOption,
  sizeOption,
  splitOption,
} from "../../terminal/shared-options.ts";
import { addAll } from "./all/options.ts";
import type { ProtocolCommand } from "./protocol-command.ts";
import { protocolCommands } from "./protocols/index.ts";

type AnyCommand = Omit<ProtocolCommand<ProtocolName>, "print">;

const runMeaning = "run folder, weights.safetensors, pixels or untrained (pixels:RUN, untrained:RUN: as the run began)";
const dataMeaning = "folder with one sub-folder a class, or a known name";
const splitMeaning = "what is measured on (default: test)";
const divisionMeaning = `The train split is the bank, the test split the queries (--split val: the val split, for choosing). Of a folder without them, and of
--split train or all, a fifth of each class is held out to measure on.`;

export function addEvaluate(program: TypedCommand): void {
  const evaluate = program
    .command("evaluate")
    .description("measure a representation on labelled pictures")
    .usage("<protocol> <run> --data <data> [options]")
    .addHelpText(
      "after",
      `
\`selfsight evaluate <protocol> --help\` lists what a protocol may be told. --against RUN_OR_FILE compares with another trunk on the same
images, with p; --outcomes FILE keeps what each image was worth. \`all\` runs whatever the pictures allow.

Examples:
${examplesOf(Object.values<AnyCommand>(protocolCommands).map(({ examples }) => examples[0]!))}`,
    );
  for (const name of Object.keys(protocolCommands) as ProtocolName[]) addProtocol(evaluate as unknown as Command, name);
  addAll(evaluate as unknown as Command);
}

function addProtocol(evaluate: Command, name: ProtocolName): void {
  const { description, options, explanation = divisionMeaning, examples, ...rest }: AnyCommand = protocolCommands[name];
  const paired = rest.isPaired === false ? [] : pairedOptions;
  const command = evaluate
    .command(name)
    .description(description)
    .usage("<run> --data <data> [options]")
    .argument("<run>", rest.runMeaning ?? runMeaning)
    .requiredOption("--data <data>", `${rest.dataMeaning ?? dataMeaning} (required)`)
    .showHelpAfterError(`(see \`selfsight evaluate ${name} --help\`)`)
    .addHelpText("after", `\n${explanation}\n\nExamples:\n${examplesOf(examples)}`)
    .action(async (run, given) => (await import("./run.ts")).evaluate(name, run, given));
  for (const option of [
    ...options,
    ...commonOptions(rest),
    ...paired,
    ...sharingOptions(),
    jsonOption(),
    ...foreignOptions(name),
  ])
    command.addOption(option);
}

const pairedOptions = [
  new Option("--against <run-or-file>", "another run, or outcomes kept of one: compared on the same images, with p"),
  new Option("--outcomes <file>", "write what each image was worth, for --against"),
];

const examplesOf = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join("\n");

function commonOptions({ without = [], ...own }: Pick<AnyCommand, "without" | "splitMeaning">): Option[] {
  const common: { [Key in keyof MeasureOptions]?: Option[] } = {
    seed: [new Option("--seed <number>", "of draws, first weights and hold-outs (default: 0)").argParser(wholeNumber)],
    split: [splitOption(own.splitMeaning ?? splitMeaning)],
    size: [sizeOption()],
    rules: [rangeOption("that of the run"), bandsOption("those of the run")],
    limit: [
      new Option("--limit <number>", "at most so many images of each split (default: all)").argParser(
        wholeNumberFrom(1),
      ),
    ],
    device: [new Option("--device <device>", "auto, cpu, cuda or cuda:N (default: auto)")],
    precision: [precisionOption()],
  };
  return Object.entries(common).flatMap(([key, options]) => (without.some((name) => name === key) ? [] : options));
}

/** Other protocols' options pass here unseen, so that they are refused in a sentence that says whose they are. */
function foreignOptions(name: ProtocolName): Option[] {
  const own = protocolCommands[name].options.map((option) => option.attributeName());
  const all = Object.values<AnyCommand>(protocolCommands).flatMap(({ options }) => options);
  const foreign = new Map(all.map((option) => [option.attributeName(), option.flags]));
  return [...foreign].filter(([key]) => !own.includes(key)).map(([, flags]) => new Option(flags).hideHelp());
}
