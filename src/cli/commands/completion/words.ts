// What may stand where on the command line, read out of the commands themselves.
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { plans, protocols } from "../../../compare/index.ts";
import { datasetNames } from "../../../data/index.ts";
import { type MethodName, methods } from "../../../methods/index.ts";
import { backboneNames } from "../../../nn/index.ts";
import { recipes } from "../../../recipes/index.ts";
import { settingsOf } from "../../../train/index.ts";
import { catalogue } from "../../../weights/catalogue.ts";

/** What a value may be; where nothing is known of it, a file. */
export interface Place {
  words: readonly string[];
  isFile: boolean;
}

export interface OptionWords {
  flag: string;
  description: string;
  /** Undefined for a switch. */
  value: Place | undefined;
}

export interface CommandWords {
  /** `pretrain`, or `evaluate knn` for a command below another. */
  path: string;
  description: string;
  options: readonly OptionWords[];
  /** Of all its arguments, and the commands below it. */
  argument: Place;
}

/** Keys with the sign behind which the value stands. */
const settingWords = (): string[] => {
  const keys = (Object.keys(methods) as MethodName[]).flatMap((method) => settingsOf(method).map(({ key }) => key));
  return [...new Set(keys)].sort().map((key) => `${key}=`);
};

/** Names by what they are names of: options and arguments that are called so take them. */
const knownWords = (): Readonly<Record<string, Place>> => {
  const only = (words: readonly string[]) => ({ words, isFile: false });
  const orFile = (words: readonly string[]) => ({ words, isFile: true });
  return {
    method: only(Object.keys(methods)),
    backbone: only(backboneNames),
    precision: only(["auto", "bf16", "fp32"]),
    device: only(["auto", "cpu", "cuda"]),
    set: only(settingWords()),
    recipe: orFile(Object.keys(recipes)),
    data: orFile(datasetNames),
    plan: orFile(Object.keys(plans)),
    protocol: only(protocols),
    source: orFile(catalogue.map(({ name }) => name)),
  };
};

/** All commands, those below another behind it. */
export function commandWords(program: CommandUnknownOpts): CommandWords[] {
  const known = knownWords();
  return program.commands.flatMap((command) => wordsOf(command, "", known));
}

type Known = ReturnType<typeof knownWords>;

function wordsOf(command: CommandUnknownOpts, above: string, known: Known): CommandWords[] {
  const path = `${above}${command.name()}`;
  const options = command.options.filter(({ hidden }) => !hidden).map((option) => optionWords(option, known));
  const help: OptionWords = { flag: "--help", description: "display help for command", value: undefined };
  const own = { path, description: command.description(), options: [...options, help] };
  const below = command.commands.map((each) => each.name());
  const argument = below.length > 0 ? { words: below, isFile: false } : argumentPlace(command, known);
  return [{ ...own, argument }, ...command.commands.flatMap((each) => wordsOf(each, `${path} `, known))];
}

const nothing: Place = { words: [], isFile: false };

function optionWords(option: CommandUnknownOpts["options"][number], known: Known): OptionWords {
  const { long, description, argChoices, parseArg, required, optional } = option;
  const isNumber = parseArg !== undefined && !Object.hasOwn(known, option.name());
  const taken = isNumber ? nothing : place(option.name(), argChoices, known);
  const value = required || optional ? taken : undefined;
  return { flag: long!, description, value };
}

/** An option's or argument's choices or name say what it takes. */
function place(name: string, choices: readonly string[] | undefined, known: Known): Place {
  if (choices) return { words: choices, isFile: false };
  return (Object.hasOwn(known, name) ? known[name] : undefined) ?? { words: [], isFile: true };
}

function argumentPlace(command: CommandUnknownOpts, known: Known): Place {
  const places = command.registeredArguments.map((argument) => place(argument.name(), argument.argChoices, known));
  return { words: [...new Set(places.flatMap(({ words }) => words))], isFile: places.some(({ isFile }) => isFile) };
}
