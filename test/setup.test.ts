// The set-up: which wheel and flags a machine gets, what is refused, and builds that are cut off or meet each other.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readCurrentBuild } from "../setup/current.mjs";
import {
  compilerSettings,
  compilers,
  cudaWheelsFor,
  isTried,
  libraryFile,
  machineName,
  wheelFor,
} from "../setup/platform.mjs";
import { fetchWheel, fetchWheels } from "../setup/wheel.mjs";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "selfsight-setup-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const root = fileURLToPath(new URL("..", import.meta.url));
const linux = { platform: "linux", arch: "x64", libc: "glibc" };
const linuxArm = { ...linux, arch: "arm64" };
const mac = { platform: "darwin", arch: "arm64", libc: "none" };

describe("a machine", () => {
  it("has the wheel that is pinned for it, or none", () => {
    expect(wheelFor(linux)).toMatchObject({ version: "2.13.0+cpu", platformTag: "manylinux_2_28_x86_64" });
    expect(wheelFor(linuxArm)).toMatchObject({ version: "2.13.0+cpu", platformTag: "manylinux_2_28_aarch64" });
    expect(wheelFor(mac)).toMatchObject({ version: "2.13.0", platformTag: "macosx_14_0_arm64" });
    expect(wheelFor(mac)?.url).toMatch(/\/torch-2\.13\.0-cp311-cp311-macosx_14_0_arm64\.whl$/);
    expect(wheelFor(linux)?.url).toMatch(/\/torch-2\.13\.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64\.whl$/);
    expect(wheelFor({ ...linux, libc: "musl" })).toBeUndefined();
    expect(wheelFor({ ...mac, arch: "x64" })).toBeUndefined();
    expect(wheelFor({ platform: "win32", arch: "x64", libc: "none" })).toBeUndefined();
  });

  it("has every wheel pinned by its content", () => {
    const digests = [linux, linuxArm, mac].map((machine) => wheelFor(machine)!.sha256);
    expect(digests.filter((digest) => !/^[0-9a-f]{64}$/.test(digest))).toEqual([]);
    expect(new Set(digests).size).toBe(3);
  });

  it("has the wheels of libtorch with CUDA where it is linux-x64: NVIDIA's beside it, each by its content", () => {
    const { version, cuda, unpackedBytes, wheels } = cudaWheelsFor(linux)!;
    expect([version, cuda, wheels[0]!.package, wheels[0]!.version]).toEqual(["2.14.1", "13.0", "torch", "2.14.1"]);
    const packages = wheels.map((wheel) => wheel.package);
    for (const name of ["cublas", "cuda-runtime", "cuda-nvrtc", "cudnn-cu13", "nccl-cu13", "cuda-crt", "cuda-cccl"])
      expect(packages).toContain(`nvidia-${name}`);
    expect(new Set(packages).size).toBe(wheels.length);
    expect(wheels.filter(({ sha256 }) => !/^[0-9a-f]{64}$/.test(sha256))).toEqual([]);
    expect(unpackedBytes).toBeGreaterThan(wheels.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const other of [linuxArm, mac, { ...linux, libc: "musl" }]) expect(cudaWheelsFor(other)).toBeUndefined();
  });

  it("names its libraries and compilers", () => {
    expect(libraryFile("torch_cpu", linux)).toBe("libtorch_cpu.so");
    expect(libraryFile("torch_cpu", mac)).toBe("libtorch_cpu.dylib");
    expect(compilers(linuxArm).tools).toEqual(["cmake", "g++"]);
    expect(compilers(mac)).toEqual({ tools: ["cmake", "clang++"], advice: expect.stringContaining("xcode-select") });
    expect(machineName({ ...linux, libc: "musl" })).toBe("linux-x64-musl");
    expect([linux, linuxArm, mac, { ...linux, libc: "musl" }].map(isTried)).toEqual([true, true, false, false]);
  });

  it("links as its loader wants it: on macOS Node's functions are found when the addon is loaded", () => {
    expect(compilerSettings(linux)).toEqual({});
    expect(compilerSettings(linuxArm)).toEqual({});
    expect(compilerSettings(mac)).toEqual({
      CMAKE_OSX_ARCHITECTURES: "arm64",
      CMAKE_OSX_DEPLOYMENT_TARGET: "14.0",
      CMAKE_MODULE_LINKER_FLAGS: "-undefined dynamic_lookup",
    });
  });
});

const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("a wheel", () => {
  let server: Server;
  let bytes: Uint8Array = new Uint8Array();
  beforeEach(async () => {
    server = createServer((_request, response) => response.end(bytes)).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterEach(() => server.close());

  const wheel = (sha256: string) => {
    const file = "torch-0.0.1-cp311-cp311-any.whl"; // no index has it
    const { port } = server.address() as AddressInfo;
    return {
      package: "torch",
      file,
      sha256,
      version: "0.0.1",
      platformTag: "any",
      url: `http://127.0.0.1:${port}/${file}`,
    };
  };

  it("with another SHA-256 is refused, and nothing of it stays", async () => {
    vi.stubEnv("PATH", folder); // no pip
    bytes = Buffer.from("another file");
    const target = join(folder, "cache", "torch");
    await expect(fetchWheel(wheel("0".repeat(64)), join(folder, "cache"), target)).rejects.toThrow(
      new RegExp(`torch-0.*: its SHA-256 is ${sha256Of(bytes)}, expected was 0{64}; nothing of it was unpacked`),
    );
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  });

  it.skipIf(!hasPython)("comes without pip, and only what compiling and running need is kept", async () => {
    vi.stubEnv("PIP_NO_INDEX", "1");
    bytes = zipped({ "torch/lib/a.so": "a", "torch/include/b.h": "b", "torch/nn/c.py": "c", "torch.libs/d.so": "d" });
    const target = join(folder, "cache", "torch-0.0.1");
    expect(await fetchWheel(wheel(sha256Of(bytes)), join(folder, "cache"), target)).toBe(true);
    expect(readdirSync(join(folder, "cache"))).toEqual(["torch-0.0.1"]);
    const kept = readdirSync(target, { recursive: true, encoding: "utf8" }).filter((name) => /\.\w+$/.test(name));
    expect(kept.sort()).toEqual(["torch.libs", "torch.libs/d.so", "torch/include/b.h", "torch/lib/a.so"]);
  });

  it("that is nowhere to be had is no error: Debian's package comes next", async () => {
    vi.stubEnv("PATH", folder);
    const gone = wheel("0".repeat(64));
    server.close();
    expect(await fetchWheel(gone, join(folder, "cache"), join(folder, "cache", "torch"))).toBe(false);
  });
});

/** A zip file of texts by their names. */
function zipped(files: Record<string, string>): Buffer {
  const script =
    "import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n  for n, t in json.loads(sys.argv[2]).items(): z.writestr(n, t)";
  const path = join(folder, "wheel.zip");
  execFileSync("python3", ["-c", script, path, JSON.stringify(files)]);
  return readFileSync(path);
}

const hasPip = spawnSync("python3", ["-m", "pip", "--version"]).status === 0;

describe.skipIf(!hasPip)("wheels of one libtorch", () => {
  const inCache = () => join(folder, "cache", "torch-0.0.1");
  beforeEach(() => {
    mkdirSync(join(folder, "index"));
    vi.stubEnv("PIP_NO_INDEX", "1");
    vi.stubEnv("PIP_FIND_LINKS", join(folder, "index"));
    vi.stubEnv("PIP_CONFIG_FILE", "/dev/null");
  });

  /** Puts a wheel into the folder that pip is told to look in. */
  function offered(name: string, version: string, tags: string, files: Record<string, string>) {
    const file = `${name}-${version}-${tags}.whl`;
    const about = `${name}-${version}.dist-info`;
    const bytes = zipped({
      ...files,
      [`${about}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
      [`${about}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: ${tags}\n`,
    });
    writeFileSync(join(folder, "index", file), bytes);
    const platformTag = tags.split("-")[2]!;
    const wheel = { package: name.replaceAll("_", "-"), version, file, platformTag, sha256: sha256Of(bytes) };
    return { ...wheel, bytes: bytes.length };
  }

  const both = () => [
    offered("torch", "0.0.1", "cp311-cp311-manylinux_2_28_x86_64", { "torch/lib/a.so": "a", "torch/nn/c.py": "c" }),
    offered("nvidia_played", "1.2.3", "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64", {
      "nvidia/played/lib/d.so": "d",
      "nvidia/played/lib/d.a": "static",
      "nvidia/played/include/d.h": "h",
    }),
  ];
  const set = (wheels: ReturnType<typeof both>, unpackedBytes = 100) => ({
    ...{ version: "0.0.1", cuda: "13.0", unpackedBytes, wheels },
  });
  const fetched = (given: ReturnType<typeof set>) => fetchWheels(given, join(folder, "cache"), inCache());

  it("come by pip and lie side by side", async () => {
    await fetched(set(both()));
    expect(readdirSync(join(folder, "cache"))).toEqual(["torch-0.0.1"]);
    const kept = readdirSync(inCache(), { recursive: true, encoding: "utf8" }).filter((name) => /\.\w+$/.test(name));
    expect(kept.sort()).toEqual(["nvidia/played/include/d.h", "nvidia/played/lib/d.so", "torch/lib/a.so"]);
  }, 60_000);

  it("come all or none: what is missing is named, and how to see why", async () => {
    const wheels = both();
    rmSync(join(folder, "index", wheels[1]!.file));
    await expect(fetched(set(wheels))).rejects.toThrow(
      /^nvidia_played-1.2.3\S+ was not reached by pip; .*`python3 -m pip download --no-deps nvidia-played==1.2.3` says why/,
    );
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  }, 60_000);

  it("are refused where one has other content", async () => {
    const [torch, other] = both();
    const wheels = [torch!, { ...other!, sha256: "0".repeat(64) }];
    await expect(fetched(set(wheels))).rejects.toThrow(/nvidia_played.*: its SHA-256 is \w{64}, expected was 0{64}/);
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  }, 60_000);

  it("need room on the disk, which is looked at before anything is fetched", async () => {
    await expect(fetched(set(both(), 1e18))).rejects.toThrow(
      /\d GB are free; libtorch 0\.0\.1 for CUDA 13\.0 needs 1000000000\.0 GB .* set XDG_CACHE_HOME/,
    );
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  });

  it("need python3", async () => {
    const wheels = both();
    vi.stubEnv("PATH", join(folder, "index"));
    await expect(fetched(set(wheels))).rejects.toThrow(/there is no python3; .* install python3 with pip/);
  });
});

const sha256Of = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A folder that looks like a libtorch, and a cmake that takes half a second and compiles nothing. */
function pretendTools(version = "2.13.0"): NodeJS.ProcessEnv {
  const libtorch = join(folder, "libtorch");
  const header = join(libtorch, "include", "torch", "headeronly", "version.h");
  mkdirSync(join(header, ".."), { recursive: true });
  mkdirSync(join(libtorch, "lib"), { recursive: true });
  mkdirSync(join(folder, "bin"), { recursive: true });
  const numbers = version.split(".");
  const lines = ["MAJOR", "MINOR", "PATCH"].map((part, i) => `#define TORCH_VERSION_${part} ${numbers[i]}\n`);
  writeFileSync(header, lines.join(""));
  for (const name of ["libtorch_cpu.so", "libc10.so"]) writeFileSync(join(libtorch, "lib", name), "");
  const cmake = 'if [ "$1" = --build ]; then sleep 0.5; echo built >>"$2/selfsight.node"; fi\n';
  writeFileSync(join(folder, "bin", "cmake"), `#!/bin/sh\n${cmake}`, { mode: 0o755 });
  writeFileSync(join(folder, "bin", "g++"), "#!/bin/sh\n", { mode: 0o755 });
  return {
    ...process.env,
    PATH: `${join(folder, "bin")}:${process.env.PATH}`,
    XDG_CACHE_HOME: join(folder, "cache"),
    SELFSIGHT_LIBTORCH: libtorch,
  };
}

const script = `import { setUpEngine, readyEngine } from ${JSON.stringify(join(root, "setup", "engine.mjs"))};`;
const inNode = (code: string, env: NodeJS.ProcessEnv): ChildProcess =>
  spawn(process.execPath, ["--input-type=module", "-e", `${script}\n${code}`], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });

async function ended(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = "";
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (text: Buffer) => (said += text.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

const build = "await setUpEngine()";
const printReady = "console.log(JSON.stringify(readyEngine() ?? null))";
/** What lies below the folder of these sources. */
const builds = (): string[] => {
  const addons = join(folder, "cache", "selfsight", "addon");
  return existsSync(addons) ? readdirSync(join(addons, readdirSync(addons)[0]!)) : [];
};

describe("an addon", () => {
  it("is compiled once by two set-ups at the same time and after them, whole each time", async () => {
    const env = pretendTools();
    const both = [inNode(build, env), inNode(build, env)].map(ended);
    expect((await Promise.all(both)).map(({ code }) => code)).toEqual([0, 0]);
    expect(builds().sort()).toEqual([expect.stringMatching(/^2\.13\.0-folder-[0-9a-f]{8}$/), "current.json"]);
    expect((await ended(inNode(build, env))).said).toBe(""); // nothing to do
    const { addonPath } = JSON.parse((await ended(inNode(printReady, env))).said) as { addonPath: string };
    expect(readFileSync(addonPath, "utf8")).toBe("built\n");
  });

  it("of a killed set-up is not there; the next one compiles it, and clears away what is a day old", async () => {
    const env = pretendTools();
    const killed = inNode(build, env);
    while (!builds().some((name) => name.startsWith(".partial-"))) await new Promise((wake) => setTimeout(wake, 10));
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect((await ended(inNode(printReady, env))).said).toBe("null\n");
    const [left] = builds();
    const addons = join(folder, "cache", "selfsight", "addon");
    utimesSync(join(addons, readdirSync(addons)[0]!, left!), 0, 0);
    expect((await ended(inNode(build, env))).code).toBe(0);
    expect(builds()).not.toContain(left);
  });

  it("goes stale with its libtorch: another version in the same folder is compiled for anew", async () => {
    const env = pretendTools("2.13.0");
    await ended(inNode(build, env));
    pretendTools("2.14.0");
    expect((await ended(inNode(printReady, env))).said).toBe("null\n");
    expect((await ended(inNode(build, env))).said).toContain("compiling the addon for libtorch 2.14.0");
    expect(JSON.parse((await ended(inNode(printReady, env))).said)).toMatchObject({ libtorch: { version: "2.14.0" } });
  });

  it("that --libtorch asked for serves from then on; SELFSIGHT_LIBTORCH chooses for itself only", async () => {
    const { SELFSIGHT_LIBTORCH: libtorch, ...env } = pretendTools();
    await ended(inNode(`await setUpEngine({ libtorch: ${JSON.stringify(libtorch)} })`, env));
    expect(JSON.parse((await ended(inNode(printReady, env))).said)).toMatchObject({ libtorch: { root: libtorch } });
    const another = { ...env, SELFSIGHT_LIBTORCH: join(folder, "nothing-here") };
    expect((await ended(inNode(printReady, another))).said).toBe("null\n");
    expect((await ended(inNode(build, another))).said).toMatch(/nothing-here was asked for .* give a folder/);
  });

  it("for CUDA is refused in a sentence where no libtorch with it is pinned", async () => {
    const { SELFSIGHT_LIBTORCH: _, ...env } = pretendTools();
    const arm = 'Object.defineProperty(process, "arch", { value: "arm64" })';
    const { code, said } = await ended(inNode(`${arm}; await setUpEngine({ libtorch: "cuda" })`, env));
    expect([code, said]).toEqual([
      1,
      expect.stringMatching(/cuda was asked for .*no build with CUDA is pinned for linux-arm64, one is for linux-x64;/),
    ]);
  });

  it("needs a cache that can be written to", async () => {
    const env = pretendTools();
    writeFileSync(join(folder, "file"), "");
    const { said } = await ended(inNode(build, { ...env, XDG_CACHE_HOME: join(folder, "file") }));
    expect(said).toMatch(/file\/selfsight\/addon\/\S+ cannot be written .*; set XDG_CACHE_HOME to a folder/);
  });
});

const command = (args: string[], env: Record<string, string>) =>
  spawnSync(process.execPath, [join(root, "bin", "selfsight.mjs"), ...args], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });

describe("selfsight setup", () => {
  it("--check says whether all is in place, by words, JSON and exit code", () => {
    const ready = command(["setup", "--check", "--json"], {});
    expect(JSON.parse(ready.stdout)).toMatchObject({ ready: true, addon: readCurrentBuild()!.addonPath });
    const bare = command(["setup", "--check"], { XDG_CACHE_HOME: folder });
    expect([bare.status, bare.stderr]).toEqual([2, expect.stringMatching(/not ready: .*run `npx selfsight setup`/)]);
  });

  it("is what other commands ask for where the engine is not there", () => {
    const { status, stderr } = command(["verify", "test/reference"], { XDG_CACHE_HOME: folder });
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^selfsight: engine: .*run `npx selfsight setup`\n$/)]);
  });

  it("is offered to a person at a terminal: no goes on to that sentence, yes sets up", () => {
    const line = `"${process.execPath}" "${join(root, "bin", "selfsight.mjs")}" verify test/reference`;
    const answered = (answer: string) =>
      spawnSync("script", ["-qec", line, "/dev/null"], {
        input: `${answer}\n`,
        encoding: "utf8",
        env: { ...process.env, XDG_CACHE_HOME: folder, SELFSIGHT_LIBTORCH: join(folder, "nothing-here") },
      });
    expect(answered("n").stdout).toMatch(/Set it up now\? \[Y\/n\][\s\S]*run `npx selfsight setup`/);
    expect(answered("y").stdout).toMatch(/Set it up now\? \[Y\/n\][\s\S]*setup: .*nothing-here was asked for/);
  });
});
