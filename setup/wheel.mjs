// The pinned wheel: fetched, compared with its SHA-256, unpacked into the cache. Nothing of it is installed, no Python runs later.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { makePartial } from "./addon.mjs";
import { has, installDebian, run, SetupError, say, tryRun } from "./say.mjs";

/** Brings the wheel's `torch/` to `target`, whole or not at all. False: it cannot be had. Errors: another file came; no room. */
export async function fetchWheel(wheel, cache, target) {
  const partial = makePartial(cache);
  try {
    say(`fetching libtorch ${wheel.version} (some 200 MB, once) ...`);
    const file = byPip(wheel, partial) ?? (await byHttp(wheel, partial));
    if (!file) return false;
    await refuseAnotherWheel(file, wheel);
    unpack(file, partial);
    rmSync(file);
    moveInto(partial, target);
    return true;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Two that fetch at once: the first one's folder stays, it has the same content. */
function moveInto(partial, target) {
  try {
    renameSync(partial, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  }
}

/** pip is only the messenger: it knows the mirrors, proxies and folders of this machine. */
function byPip(wheel, folder) {
  const [, , python, abi] = wheel.file.split("-");
  const builds = ["--only-binary=:all:", "--implementation", "cp", "--abi", abi, "--platform", wheel.platformTag];
  const quietly = ["--quiet", "--retries", "0", "--no-deps", "--dest", folder];
  const download = ["-m", "pip", "download", ...quietly, ...builds, "--python-version", pythonVersion(python)];
  for (const extra of [[], ["--extra-index-url", new URL(".", wheel.url).href]]) {
    tryRun("python3", [...download, ...extra, `torch==${wheel.version}`]);
    const name = readdirSync(folder).find((entry) => entry.endsWith(".whl"));
    if (name) return join(folder, name);
  }
  return undefined;
}

/** cp311 is 3.11. */
const pythonVersion = (tag) => tag.replace(/^cp(\d)(\d+)$/, "$1.$2");

/** Where there is no pip: from PyTorch's own index. Undefined where it is not reached. */
export async function byHttp(wheel, folder) {
  const path = join(folder, wheel.file);
  try {
    const response = await fetch(wheel.url);
    if (!response.ok) return undefined;
    await pipeline(Readable.fromWeb(response.body), createWriteStream(path));
    return path;
  } catch (error) {
    if (error.code === "ENOSPC")
      throw new SetupError(`${folder}: the disk is full; 2 GB are needed; free some space and run this again`);
    return undefined;
  }
}

export async function refuseAnotherWheel(path, { file, sha256 }) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const found = hash.digest("hex");
  if (found === sha256) return;
  throw new SetupError(
    `${file} is not the file that Selfsight was made with: its SHA-256 is ${found}, expected was ${sha256}; nothing of it was unpacked; ` +
      "run this again in case it was cut off; else see which mirror pip is told to use, or name a libtorch that you trust by --libtorch FOLDER",
  );
}

function unpack(wheel, folder) {
  const failure = `the wheel ${wheel} cannot be unpacked; free some disk space (2 GB) and run this again`;
  if (has("python3")) return run("python3", ["-c", unpackScript, wheel, folder], { failure });
  if (!has("unzip") && !installDebian("unzip"))
    throw new SetupError("the wheel of libtorch is a zip file; install unzip or python3, and run this again");
  return run("unzip", ["-q", wheel, "-x", "*.py", "-d", folder], { failure });
}

/** What compiling and running need; torch.libs, where a wheel has it, is where its libraries look for theirs. */
const unpackScript = `
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
parts = ("torch/lib/", "torch/include/", "torch/share/", "torch.libs/")
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(parts)])
`;
