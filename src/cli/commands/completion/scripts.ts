// The script of each shell. All words are our own names, which need no quotes but the single ones around descriptions.
import type { Shell } from "./shells.ts";
import type { CommandWords, OptionWords, Place } from "./words.ts";

export const scripts: Record<Shell, (commands: readonly CommandWords[]) => string> = { bash, zsh, fish };

const isTop = ({ path }: CommandWords): boolean => !path.includes(" ");
const flagsOf = ({ options }: CommandWords): string => options.map(({ flag }) => flag).join(" ");
const topNames = (commands: readonly CommandWords[]): string =>
  commands
    .filter(isTop)
    .map(({ path }) => path)
    .join(" ");

/** One case for each option that takes a value. */
const valueCases = (commands: readonly CommandWords[], offer: (place: Place) => string): string =>
  commands
    .flatMap(({ path, options }) => options.flatMap((option) => valueCase(path, option, offer)))
    .map((line) => `    ${line}`)
    .join("\n");

const valueCase = (path: string, { flag, value }: OptionWords, offer: (place: Place) => string): string[] =>
  value ? [`"${path} ${flag}") ${offer(value)}; return ;;`] : [];

const commandCases = (commands: readonly CommandWords[], offer: (command: CommandWords) => string): string =>
  commands.map((command) => `    "${command.path}") ${offer(command)} ;;`).join("\n");

/** Commands of two words. */
const deepCases = (commands: readonly CommandWords[]): string =>
  commands
    .filter((command) => !isTop(command))
    .map(({ path }) => `    "${path}") command="${path}" ;;`)
    .join("\n");

function bash(commands: readonly CommandWords[]): string {
  const offer = ({ words, isFile }: Place) => {
    const isOpen = words.some((word) => word.endsWith("="));
    const listed = words.length > 0 ? [`_selfsight_words "${words.join(" ")}"`] : [];
    const parts = [...(isFile ? ["_selfsight_files"] : []), ...(isOpen ? ["compopt -o nospace 2>/dev/null"] : [])];
    return [...parts, ...listed].join("; ") || "true";
  };
  return `# bash completion for selfsight
_selfsight_add() { local found; while IFS= read -r found; do COMPREPLY+=("$found"); done; }
_selfsight_words() { _selfsight_add < <(compgen -W "$1" -- "$word"); }
_selfsight_files() { compopt -o filenames 2>/dev/null; _selfsight_add < <(compgen -f -- "$word"); }
_selfsight() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then _selfsight_words "${topNames(commands)} --help --version"; return; fi
  if [[ $word == = ]]; then word=""; elif [[ $before == = ]]; then before="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  case "$command \${COMP_WORDS[2]}" in
${deepCases(commands)}
  esac
  case "$command $before" in
${valueCases(commands, offer)}
  esac
  if [[ $word == -* ]]; then case "$command" in
${commandCases(commands, (command) => `_selfsight_words "${flagsOf(command)}"`)}
  esac; else case "$command" in
${commandCases(commands, ({ argument }) => offer(argument))}
  esac; fi
}
complete -F _selfsight selfsight
`;
}

function zsh(commands: readonly CommandWords[]): string {
  const offer = ({ words, isFile }: Place) => {
    const ending = words.some((word) => word.endsWith("=")) ? "-S '' " : "";
    const listed = words.length > 0 ? [`compadd ${ending}-- ${words.map((word) => `'${word}'`).join(" ")}`] : [];
    return [...listed, ...(isFile ? ["_files"] : [])].join("; ") || "true";
  };
  return `#compdef selfsight
# zsh completion for selfsight
_selfsight() {
  local word="\${words[CURRENT]}" before="\${words[CURRENT-1]}" command="\${words[2]}"
  if (( CURRENT == 2 )); then compadd -- ${topNames(commands)} --help --version; return; fi
  case "$command \${words[3]}" in
${deepCases(commands)}
  esac
  case "$command $before" in
${valueCases(commands, offer)}
  esac
  if [[ $word == -* ]]; then case "$command" in
${commandCases(commands, (command) => `compadd -- ${flagsOf(command)}`)}
  esac; else case "$command" in
${commandCases(commands, ({ argument }) => offer(argument))}
  esac; fi
}
compdef _selfsight selfsight
`;
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function fish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap((command) => fishLines(command));
  return `# fish completion for selfsight\n${lines.join("\n")}\n`;
}

function fishLines(command: CommandWords): string[] {
  const { path, description, options, argument } = command;
  const isHere = path
    .split(" ")
    .map((name) => `__fish_seen_subcommand_from ${name}`)
    .join("; and ");
  const begin = `complete -c selfsight -n ${quoted(isHere)}`;
  const offer = ({ words, isFile }: Place) =>
    `${isFile ? "" : " -f"}${words.length > 0 ? ` -a ${quoted(words.join(" "))}` : ""}`;
  const own = isTop(command)
    ? [`complete -c selfsight -n __fish_use_subcommand -f -a ${path} -d ${quoted(description)}`]
    : [];
  const flags = options.map(({ flag, description: text, value }) => {
    const takes = value ? ` -r${offer(value)}` : "";
    return `${begin} -l ${flag.slice(2)}${takes} -d ${quoted(text)}`;
  });
  return [...own, ...flags, `${begin}${offer(argument)}`];
}
