// The scripts as the shells run them: bash for real, the others where they are installed.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { methods } from "../src/methods/index.ts";
import { recipes } from "../src/recipes/index.ts";

const selfsight = fileURLToPath(new URL("../bin/selfsight.mjs", import.meta.url));
const run = (...words: string[]) => spawnSync(process.execPath, [selfsight, ...words], { encoding: "utf8" });

const folder = mkdtempSync(join(tmpdir(), "selfsight-completion-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => {
  writeFileSync(join(folder, "bash.sh"), run("completion", "bash").stdout);
  mkdirSync(join(folder, "my photos"));
});

/** What bash offers behind these words, the last of which is being typed. */
function offered(...words: string[]): string[] {
  const line = ["selfsight", ...words];
  const script = `. ./bash.sh; COMP_WORDS=("$@"); COMP_CWORD=${line.length - 1}; _selfsight; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", script, "bash", ...line], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((text) => text !== "");
}

describe("bash completes", () => {
  it("commands", () => {
    expect(offered("")).toEqual(expect.arrayContaining(["pretrain", "evaluate", "settings", "runs", "--help"]));
    expect(offered("pre")).toEqual(["pretrain"]);
  });

  it.each([
    [["pretrain", "--acc"], ["--accept-dataset-change"]],
    [
      ["runs", "--"],
      ["--prune", "--yes", "--json", "--help"],
    ],
    [["pretrain", "--method", ""], Object.keys(methods)],
    [["pretrain", "--method", "=", "vic"], ["vicreg"]],
    [["pretrain", "--method", "="], Object.keys(methods)],
    [["pretrain", "--recipe", "cifar10/"], Object.keys(recipes).filter((name) => name.startsWith("cifar10/"))],
    [["pretrain", "--set", "optimizer.learn"], ["optimizer.learningRate="]],
    [["pretrain", "--set", "views.*.fl"], ["views.*.flip="]],
    [["pretrain", "--epochs", ""], []],
    [["pretrain", "--out", "my"], ["my photos"]],
    [["pretrain", "fashion"], ["fashion-mnist"]],
    [["pretrain", "my"], ["my photos"]],
    [["settings", "moco"], ["moco-v2"]],
    [["compare", "ablat"], ["ablations-quick"]],
    [["bench", "st"], ["step"]],
    [["evaluate", "few"], ["few-shot"]],
    [["evaluate", "knn", "--temp"], ["--temperature"]],
    [["import", "simsiam"], ["simsiam-resnet50"]],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["nothing", ""], []],
  ])("%j", (words, expected) => expect(offered(...words)).toEqual(expected));
});

it.each(["zsh", "fish"])("%s is given all commands and options", (shell) => {
  const { stdout } = run("completion", shell);
  for (const word of ["pretrain", "quickstart", "barlow-twins", "accept-dataset-change", "optimizer.learningRate="])
    expect(stdout).toContain(word);
  const checked = spawnSync(shell, ["-n"], { input: stdout, encoding: "utf8" });
  if (!checked.error) expect([checked.status, checked.stderr]).toEqual([0, ""]);
});
