// What the command line answers where something is wrong: to people, to machines, to a full disk.
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { settingFlags } from "../src/cli/commands/pretrain/flags.ts";
import { type PartialSettings, resolveSettings } from "../src/train/index.ts";
import { newTinyRun, scratchFolder, tinySettings, trainTiny } from "./tiny-run.ts";

const selfsight = join(fileURLToPath(new URL("..", import.meta.url)), "bin/selfsight.mjs");
const run = (...given: string[]) => spawnSync(process.execPath, [selfsight, ...given], { encoding: "utf8" });

it.each([
  ["an option that there is not", ["doctor", "--jsn"], "configuration", 2, /^unknown option '--jsn'/],
  ["an option too few", ["evaluate", "knn"], "configuration", 2, /^required option '--data/],
  [
    "a run that is not there",
    ["evaluate", "knn", "nowhere", "--data", "shapes"],
    "checkpoint",
    5,
    /nowhere is not there/,
  ],
] as const)("--json tells a machine of %s", (_, given, kind, exitCode, message) => {
  const { stdout, stderr, status } = run(...given, "--json");
  expect(status).toBe(exitCode);
  expect(JSON.parse(stdout)).toEqual({ error: { kind, message: expect.stringMatching(message), exitCode } });
  expect(stderr).toMatch(/\S/); // people read it too
});

it("leads a person to the help of the command that was meant", () => {
  expect(run("embed", "a", "b", "--uot", "c").stderr).toContain("(see `selfsight embed --help`)");
});

it.each([
  ["embed", "<run> <data> --out <file> [options]"],
  ["evaluate knn", "<run> --data <data> [options]"],
])("%s --help says which option must be given", (command, usage) => {
  const { stdout } = run(...command.split(" "), "--help");
  expect(stdout).toContain(`Usage: selfsight ${command} ${usage}`);
  expect(stdout).toMatch(/--split <split>[\s\S]*--size <pixels>/);
});

it("evaluate --help lists the protocols, and another protocol's option is refused in words", () => {
  expect(run("evaluate", "--help").stdout).toMatch(/knn [\s\S]*linear [\s\S]*few-shot /);
  const { stderr, status } = run("evaluate", "knn", "pixels", "--data", "shapes", "--draws", "3");
  expect([status, stderr]).toEqual([2, expect.stringMatching(/draws 3 with knn; .* or measure by few-shot/)]);
  expect(run("evaluate", "knm", "pixels", "--data", "shapes")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/Did you mean knn/),
  });
});

it("says what the exit codes mean", () => {
  expect(run("--help").stdout).toContain("4 storage");
});

it("does not end with 0 when its result is lost", () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(process.execPath, [selfsight, "doctor", "--json"], {
    encoding: "utf8",
    stdio: ["ignore", full, "pipe"],
  });
  closeSync(full);
  expect([status, stderr]).toEqual([4, expect.stringContaining("what was printed is not complete")]);
});

const inFolderThatIsGone = (...words: string[]) =>
  spawnSync("bash", ["-c", 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$@"', "bash", process.execPath, ...words], {
    encoding: "utf8",
  });

it("says so where the current folder is gone, before anything is loaded that would end the process", () => {
  const { status, stderr } = inFolderThatIsGone(selfsight, "doctor");
  expect([status, stderr]).toEqual([
    4,
    expect.stringMatching(/^selfsight: start: the current folder was deleted; .*cd/),
  ]);
});

it("tells a program so too, by an error that it can catch", () => {
  const library = join(fileURLToPath(new URL("..", import.meta.url)), "dist/torch/index.js");
  const program = `import(${JSON.stringify(library)}).then(({ zeros }) => zeros([1])).catch((error) => console.log(error.kind, error.message))`;
  expect(inFolderThatIsGone("-e", program)).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^storage engine: the current folder was deleted/),
  });
});

describe("numbers and empty values", () => {
  it.each([
    [["pretrain", "shapes", "--batch", "-1"], "argument '-1' is invalid. A whole number of 1 or more is needed."],
    [["pretrain", "shapes", "--size", "7"], "argument '7' is invalid. A whole number from 8 to 1024 is needed."],
    [["quickstart", "--minutes", "0"], "argument '0' is invalid. A number above 0 is needed."],
    [["bench", "loss", "--batch", "1"], "A whole number of 2 or more is needed."],
    [["pretrain", "shapes", "--out="], "pretrain: --out is empty; a value is needed; check the shell variable"],
    [["embed", "", "shapes", "--out", "a"], "embed: run is empty"],
    [["settings", "mocov2"], "check the name. Did you mean moco-v2?"],
  ])("%j are refused with what is needed", (words, sentence) => {
    const { status, stderr } = run(...words);
    expect(stderr).toContain(sentence);
    expect(status).toBe(2);
  });

  it.each([
    ["batch", 1],
    ["size", 8],
    ["epochs", 1],
    ["steps", 1],
    ["seed", 0],
  ] as const)("--%s begins where its setting begins", (flag, least) => {
    const refused = (value: number) => () => resolveSettings({ [settingFlags[flag]]: value } as PartialSettings);
    expect(refused(least - 1)).toThrow(new RegExp(`a whole number (of|from) ${least} `));
    expect(refused(least)).not.toThrow(`${settingFlags[flag]} ${least}: `);
    expect(run("pretrain", "shapes", `--${flag}=${least - 1}`).stderr).toContain("is invalid");
  });
});

it("lists every setting with the option that says the same", () => {
  const { settings } = JSON.parse(run("settings", "moco-v2", "--json").stdout) as {
    settings: { key: string; flag: string | null }[];
  };
  expect(settings.map(({ key }) => key)).toEqual(expect.arrayContaining(["queueLength", "optimizer.learningRate"]));
  expect(settings.find(({ key }) => key === "batchSize")!.flag).toBe("--batch");
  expect(settings.filter(({ flag }) => flag !== null)).toHaveLength(Object.keys(settingFlags).length);
  expect(run("settings").stdout).toContain("batchSize = 256   (or --batch)\n    images in one step");
});

it("takes two numbers behind --range, one of them below 0 too, and refuses what is no number", () => {
  const refused = (...given: string[]) => run("pretrain", "shapes", ...given).stderr;
  expect(refused("--range", "-4096", "4095", "--steps", "0")).toMatch(/'--steps <number>' argument '0' is invalid/);
  expect(run("pretrain", "--range", "0", "1", "shapes").stderr).toContain("Two numbers are needed, and nothing else");
  expect(refused("--range", "1", "0")).toContain("two numbers, the lower first, are needed, such as [0, 1]");
  expect(refused("--bands", "1,x")).toContain("A whole number of 1 or more is needed");
  expect(refused("--bands", "1,2")).toContain("one or three bands are needed, such as [1, 2, 3]");
});

it("takes --config for --recipe, and only one of them", () => {
  expect(run("pretrain", "shapes", "--config", "shape").stderr).toContain("recipe: shape; a shipped recipe");
  expect(run("pretrain", "shapes", "--config", "a.yaml").stderr).toContain(
    "recipe: a.yaml is not there; a file of settings",
  );
  expect(run("pretrain", "shapes", "--config", "a", "--recipe", "b").stderr).toContain("cannot be used with");
});

describe("runs", () => {
  const scratch = scratchFolder();
  afterAll(scratch.remove);
  const root = scratch.next();
  const folder = join(root, "run");
  beforeAll(async () => {
    mkdirSync(root);
    const settings = tinySettings({ checkpointEverySteps: 6 });
    newTinyRun(folder, settings);
    await trainTiny(folder, settings, { evaluate: async () => [{ protocol: "knn", value: 0.5 }] });
  });

  it("are listed in a table, and for machines", () => {
    const { stdout, status } = run("runs", root);
    expect(stdout).toMatch(/^run +state +method +step +kNN +size +changed\n-.*\nrun +finished +barlow-twins +12\/12 /);
    expect(status).toBe(0);
    expect(JSON.parse(run("runs", root, "--json").stdout)).toMatchObject([
      { folder, state: "finished", totalSteps: 12 },
    ]);
    expect(run("runs", scratch.next()).stderr).toContain("is not there; a run or a folder with runs is needed");
    expect(run("runs", join(folder, "run.json")).stderr).toContain("is no folder; a run or");
  });

  it("are pruned when it is agreed to, and only then", () => {
    const saved = () => readdirSync(join(folder, "checkpoints"));
    expect(run("runs", root, "--yes").stderr).toContain("add --prune");
    expect(run("runs", root, "--prune").stdout).toMatch(/^would delete .*step-0000006\n.* would be freed; add --yes/);
    expect(saved()).toHaveLength(2);
    expect(run("runs", root, "--prune", "--yes").stdout).toMatch(/^deleted .*step-0000006\n.* freed\n$/);
    expect(saved()).toEqual(["step-0000012"]);
    expect(run("runs", root, "--prune").stdout).toContain("nothing to delete");
  });
});
