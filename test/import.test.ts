// `selfsight import` as a person and a machine meet it: what is printed, exit codes, downloads from this machine, and what the system
// sees of it while it reads a hostile file.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cacheFolder } from "../setup/cache.mjs";
import { untrainedBackbone } from "../src/evaluate/index.ts";
import { freeNetwork, stateOf } from "../src/nn/index.ts";
import { storedMap } from "../src/weights/index.ts";
import { scratchFolder } from "./tiny-run.ts";
import { call, dictionary, global, legacy, membersOf, pickle, text, torchZip, zip } from "./torch-file.ts";

const selfsight = fileURLToPath(new URL("../bin/selfsight.mjs", import.meta.url));
const scratch = scratchFolder();
const folder = scratch.next();
const at = (name: string) => join(folder, name);
afterAll(scratch.remove);

beforeAll(() => {
  mkdirSync(at("cache/selfsight"), { recursive: true }); // a cache of its own, with the engine of this machine
  for (const part of ["addon", "libtorch"]) symlinkSync(cacheFolder(part), at(`cache/selfsight/${part}`));
  const network = untrainedBackbone({
    backbone: "resnet18",
    stem: "imagenet",
    width: 8,
    size: 64,
    zeroInitResidual: false,
    seed: 3,
  });
  const names = Array.from(
    storedMap(stateOf(network)),
    ([name, value]) => [`module.encoder_q.${name}`, value] as const,
  );
  freeNetwork(network);
  writeFileSync(at("moco.pth.tar"), torchZip(new Map([["state_dict", new Map(names)]])));
});

const environment = () => ({ ...process.env, XDG_CACHE_HOME: at("cache") });
const run = (...given: string[]) =>
  spawnSync(process.execPath, [selfsight, "import", ...given], { encoding: "utf8", env: environment() });
/** The same while this process goes on and may answer it. */
const running = (...given: string[]) =>
  new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [selfsight, "import", ...given], { env: environment() });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (piece) => (said.stdout += piece));
    child.stderr.on("data", (piece) => (said.stderr += piece));
    child.on("close", (status) => resolve({ status, ...said }));
  });

test("prints how the file fits, and the written file is one that other commands open", () => {
  const { status, stdout, stderr } = run(at("moco.pth.tar"), "--out", at("moco.safetensors"));
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^moco.pth.tar: MoCo v1\n[\s\S]*loaded +120\nmissing +0\nunexpected +0\nshape +0\n/);
  expect(stdout).toMatch(
    /resnet18, stem imagenet, width 8, pictures of 224 pixels; mean 0.485, .*: usual for MoCo v1\n/,
  );
  const embedded = spawnSync(
    process.execPath,
    [selfsight, "embed", at("moco.safetensors"), "shapes", "--size", "32", "--out", at("e.safetensors"), "--json"],
    {
      encoding: "utf8",
    },
  );
  expect(JSON.parse(embedded.stdout)).toMatchObject({ dimensions: 64, representation: "moco.safetensors" });
});

test("--json tells a machine all of it; --list has the names", () => {
  const report = JSON.parse(run(at("moco.pth.tar"), "--out", at("moco.safetensors"), "--json").stdout);
  expect(report).toMatchObject({ layout: "MoCo v1", taken: "encoder_q", table: { missing: [] }, licence: null });
  expect(report.sha256).toBe(
    createHash("sha256")
      .update(readFileSync(at("moco.pth.tar")))
      .digest("hex"),
  );
  const listed = JSON.parse(run("--list", "--json").stdout) as { name: string }[];
  expect(listed.map(({ name }) => name)).toContain("barlow-twins-resnet50");
  expect(run("--list").stdout).toContain("MIT; https://dl.fbaipublicfiles.com/barlowtwins/ljng/resnet50.pth");
});

test.each([
  [[], /nothing was named; .*--list/],
  [["a.pth"], /no --out was given/],
  [["a.pth", "--out", "b", "--normalization", "no"], /Allowed choices are imagenet/],
  [["a.pth", "--out", "b", "--sha256", "xyz"], /6 to 64 hexadecimal digits/],
  [["barlow-twins-resnet05", "--out", "b"], /Did you mean barlow-twins-resnet50\?/],
])("%j is refused", (given, sentence) => {
  const { status, stderr } = run(...given);
  expect([status, stderr]).toEqual([2, expect.stringMatching(sentence)]);
});

test("a place that cannot be written to is a fault of storage, and nothing is left", () => {
  const { status, stderr } = run(at("moco.pth.tar"), "--out", at("nowhere/weights.safetensors"));
  expect([status, stderr]).toEqual([4, expect.stringMatching(/^selfsight: write: .*nowhere/)]);
});

describe("from a server on this machine", () => {
  let server: Server;
  let url = "";
  const ranges: (string | undefined)[] = [];
  beforeAll(async () => {
    const bytes = readFileSync(at("moco.pth.tar"));
    server = createServer((request, response) => {
      const { range } = request.headers;
      ranges.push(range);
      const start = Number(/\d+/.exec(range ?? "")?.[0] ?? 0);
      response.setHeader("etag", '"one"');
      response.setHeader("content-length", bytes.length - start);
      if (range !== undefined)
        response.writeHead(206, { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
      if (ranges.length > 1) response.end(bytes.subarray(start));
      else response.write(bytes.subarray(0, 100_000)); // and then nothing: the process is killed meanwhile
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/moco.pth.tar`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const partsIn = (): string[] =>
    existsSync(at("cache"))
      ? readdirSync(at("cache"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".part"))
      : [];

  test("a download that was killed goes on with the next command, and is then in the cache", async () => {
    const killed = spawn(process.execPath, [selfsight, "import", url, "--out", at("a.safetensors")], {
      env: environment(),
    });
    while (partsIn().length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => setTimeout(resolve, 300));
    killed.kill("SIGKILL");
    const { status, stderr } = await running(url, "--out", at("b.safetensors"));
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^moco.pth.tar: \d+ kB of \d+ kB\n$/)]);
    expect(ranges).toEqual([undefined, "bytes=100000-"]);
    expect(partsIn()).toEqual([]);
    const again = await running(url, "--out", at("c.safetensors"), "--json");
    expect([again.status, ranges.length]).toEqual([0, 2]);
    expect(JSON.parse(again.stdout)).toMatchObject({ source: "moco.pth.tar", layout: "MoCo v1" });
  });
});

// ---- hostile files ----

const canary = at("owned");
const payloads: Record<string, Buffer> = {
  "os.system": call(global("os", "system"), text(`touch ${canary}`)),
  "builtins.eval": call(global("builtins", "eval"), text(`open(${JSON.stringify(canary)}, "w")`)),
  "subprocess.Popen": call(global("subprocess", "Popen"), text(`touch ${canary}`)),
  "socket.create_connection": call(global("socket", "create_connection"), text("127.0.0.1")),
};
const layouts: Record<string, (value: Buffer) => Buffer> = {
  zip: (value) => zip(membersOf(pickle(value))),
  legacy: (value) => legacy(value, []),
};
const hostile = Object.entries(payloads).flatMap(([name, value]) =>
  Object.entries(layouts).map(([layout, file]) => [name, layout, file(dictionary([["state_dict", value]]))] as const),
);
const out = () => at("hostile.safetensors");

test.each(hostile)("%s in a %s file ends with exit code 8, its name, and nothing done", (name, _, bytes) => {
  writeFileSync(at("hostile.safetensors.pth"), bytes);
  const { status, stderr, stdout } = run(at("hostile.safetensors.pth"), "--out", out(), "--json");
  expect([status, stderr]).toEqual([
    8,
    expect.stringContaining(`it asks for ${name}, which weights do not need; nothing of it was run`),
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ error: { kind: "unsafe", exitCode: 8 } });
  expect([existsSync(canary), existsSync(out())]).toEqual([false, false]);
});

const hasStrace = spawnSync("strace", ["-V"]).status === 0;

test.skipIf(!hasStrace).each(hostile)(
  "%s in a %s file: the system sees no program, no connection and no file opened for writing",
  (_, __, bytes) => {
    writeFileSync(at("hostile.pth"), bytes);
    const calls = "execve,execveat,connect,open,openat,openat2,creat,rename,renameat2,unlink,unlinkat,mkdir,mkdirat";
    const trace = at("trace");
    const { status } = spawnSync(
      "strace",
      [
        "-f",
        "-qq",
        "-o",
        trace,
        "-e",
        `trace=${calls}`,
        process.execPath,
        selfsight,
        "import",
        at("hostile.pth"),
        "--out",
        out(),
      ],
      {
        encoding: "utf8",
        env: environment(),
      },
    );
    expect(status).toBe(8);
    const seen = readFileSync(trace, "utf8").split("\n").slice(1); // the first line starts Node itself
    expect(seen.some((line) => line.includes("hostile.pth"))).toBe(true);
    expect(
      seen.filter((line) => /execve|connect|creat\(|rename|unlink|mkdir|O_WRONLY|O_RDWR|O_CREAT/.test(line)),
    ).toEqual([]);
  },
);
