// The package as a stranger gets it: packed, laid into an empty project, made read-only, used.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesIn, installOffline, pack } from "./package.mjs";

let folder = "";
let project = "";
let packed = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "selfsight-package-"));
  project = installOffline(pack(folder), join(folder, "project"));
  packed = join(project, "node_modules", "selfsight");
  spawnSync("chmod", ["-R", "a-w", packed]);
});
afterAll(() => {
  spawnSync("chmod", ["-R", "u+w", packed]);
  rmSync(folder, { recursive: true });
});

/** In the project; root loses the powers that would let it write to what is read-only. */
function inProject(words: string[], env: Record<string, string> = {}) {
  const asOthers = process.getuid?.() === 0 ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] : [];
  const [command, ...args] = [...asOthers, ...words];
  return spawnSync(command!, args, { cwd: project, encoding: "utf8", env: { ...process.env, ...env } });
}
const selfsight = (args: string, env: Record<string, string> = {}) =>
  inProject([process.execPath, join(project, "node_modules", ".bin", "selfsight"), ...args.split(" ")], env);

describe("the package", () => {
  it("holds what it needs and nothing else", () => {
    const files = filesIn(packed);
    const rooms = new Set(files.map((name) => name.split("/")[0]!));
    expect([...rooms].sort()).toEqual([
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      "LICENSE",
      "README.md",
      "bin",
      "dist",
      "docs",
      "native",
      "package.json",
      "setup",
    ]);
    expect(files.filter((name) => /\.(map|tsbuildinfo|test\.js)$|(?<!\.d)\.ts$/.test(name))).toEqual([]);
    expect(files).toContain("setup/wheels.json");
  });

  it("holds the pages and pictures that its pages link to; sources stay in the repository", () => {
    const dead = filesIn(packed)
      .filter((name) => name.endsWith(".md"))
      .flatMap((page) => linksOf(page).map((link) => join(dirname(page), link)))
      .filter((target) => !/^(src|test|bench)\//.test(target) && !existsSync(join(packed, target)));
    expect(dead).toEqual([]);
  });

  const linksOf = (page: string): string[] =>
    [...readFileSync(join(packed, page), "utf8").matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(
      (match) => match[1]!,
    );
});

describe("in an empty project, read-only", () => {
  it("says how it is set up, before", () => {
    const { status, stdout } = selfsight("doctor", { XDG_CACHE_HOME: join(folder, "empty") });
    expect([status, stdout]).toEqual([2, expect.stringMatching(/problem .*run `npx selfsight setup`/)]);
  });

  it("is ready with the addon in the user's cache, and learns", async () => {
    expect(selfsight("setup").stdout).toMatch(/^ready: libtorch /);
    const run = "pretrain shapes --batch 32 --steps 2 --out run --set width=8 --set projector=64-64 --set limit=64";
    expect(selfsight(`${run} --set knnEveryEpochs=0`)).toMatchObject({ status: 0 });
    mkdirSync(join(project, "photos"));
    for (const red of [10, 200])
      await sharp({ create: { width: 40, height: 30, channels: 3, background: { r: red, g: 90, b: 20 } } })
        .png()
        .toFile(join(project, "photos", `${red}.png`));
    expect(selfsight("embed run photos --out photos.safetensors").stdout).toMatch(/^wrote 2 embeddings of 64 values/);
  });

  it("says of verify where the reference cases are", () => {
    const { status, stderr } = selfsight("verify test/reference");
    expect([status, stderr]).toEqual([3, expect.stringMatching(/in its repository, not in the npm package/)]);
  });

  it("is a library", () => {
    const script =
      "import { scope, randn } from 'selfsight/torch'; console.log(scope(() => randn([2, 3]).shape.join()))";
    expect(inProject([process.execPath, "--input-type=module", "-e", script]).stdout).toBe("2,3\n");
  });
});
