// What README and docs say must be so: commands and options exist, folders of the tree are there, links lead somewhere.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs")).map((name) => join("docs", name)),
].filter((name) => name.endsWith(".md"));
const textOf = (page: string): string => readFileSync(join(root, page), "utf8");

/** Lines of fenced blocks, without comments behind them, and commands within sentences and tables. */
const commandsIn = (page: string): string[] => [...fencedLines(page), ...inlineCommands(page)];

const inlineCommands = (page: string): string[] =>
  [...textOf(page).matchAll(/`(npx selfsight [^`]+)`/g)].map((match) => match[1]!);

const fencedLines = (page: string): string[] =>
  [...textOf(page).matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap((block) => block[1]!.replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

const helpTexts = new Map<string, string>();
function helpOf(command: string): string {
  const known = helpTexts.get(command);
  if (known !== undefined) return known;
  const help = execFileSync(process.execPath, [join(root, "bin/selfsight.mjs"), ...command.split(" "), "--help"], {
    encoding: "utf8",
  });
  helpTexts.set(command, help);
  return help;
}

const selfsightLines = pages.flatMap((page) =>
  commandsIn(page).flatMap((line) => {
    const found = /\bselfsight ((?:evaluate )?[a-z-]+)(.*)$/.exec(line);
    return found ? [{ page, command: found[1]!, rest: found[2]!, line }] : [];
  }),
);

describe("README and docs", () => {
  it.each(selfsightLines)("$page can be typed as it stands: $line", ({ line }) =>
    expect(line).toMatch(/npx selfsight|bin\/selfsight\.mjs/),
  );

  it("show commands at all", () => expect(selfsightLines.length).toBeGreaterThan(5));

  it.each(selfsightLines)("$page: $line", ({ command, rest }) => {
    const options = [...rest.matchAll(/(?:^|\s)(--[a-z][a-z-]*)/g)].map((match) => match[1]!);
    expect(options.filter((option) => !helpOf(command).includes(option))).toEqual([]);
  });

  it("name npm scripts that exist", () => {
    const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
    const named = pages.flatMap((page) => [...textOf(page).matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]!));
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it("draw the tree as it is", () => {
    const tree = /```text\n([\s\S]*?)```/.exec(textOf("README.md"))![1]!;
    const rooms = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map(({ name }) => name).filter((name) => !tree.includes(`  ${name}/`))).toEqual([]);
    const drawn = [...tree.matchAll(/^ {2}([a-z]+)\//gm)].map((match) => match[1]!);
    expect(drawn.filter((name) => !existsSync(join(root, "src", name)))).toEqual([]);
  });

  it.each(pages)("%s: links lead to files", (page) => {
    const targets = [...textOf(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((match) => match[1]!);
    expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });
});
