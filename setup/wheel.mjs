// The pinned wheels: fetched, compared with their SHA-256, unpacked into the cache. Nothing of them is installed, no Python runs later.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { makePartial } from "./addon.mjs";
import { has, installDebian, run, SetupError, say, tryRun } from "./say.mjs";

/** Brings the wheel's `torch/` to `target`, whole or not at all. False: it cannot be had. Errors: another file came; no room. */
export async function fetchWheel(wheel, cache, target) {
  say(`fetching libtorch ${wheel.version} (some 200 MB, once) ...`);
  return wholly(cache, target, (partial) => unpackFetched(wheel, partial));
}

/**
 * Brings all wheels of a set to `target`, side by side as libtorch looks for NVIDIA's libraries, whole or not at all. Errors: a wheel
 * cannot be had, or another file came; no room.
 */
export async function fetchWheels({ version, cuda, unpackedBytes, wheels }, cache, target) {
  const bytes = sumOf(wheels.map((wheel) => wheel.bytes));
  const what = `libtorch ${version} for CUDA ${cuda}`;
  say(
    `fetching ${what}: ${wheels.length} files, ${inGigabytes(bytes)}; ${inGigabytes(unpackedBytes)} on the disk, once ...`,
  );
  await wholly(cache, target, async (partial) => {
    refuseFullDisk(partial, unpackedBytes + Math.max(...wheels.map((wheel) => wheel.bytes)), what);
    for (const [i, wheel] of wheels.entries()) {
      say(`${i + 1} of ${wheels.length}: ${wheel.package} ${wheel.version} (${inMegabytes(wheel.bytes)})`);
      if (!(await unpackFetched(wheel, partial))) throw unreached(wheel, partial);
    }
    return true;
  });
}

const sumOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const inGigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
const inMegabytes = (bytes) => `${Math.max(1, Math.round(bytes / 1e6))} MB`;

/** Lets `bring` fill a folder, which becomes `target` where it says that all is there. */
async function wholly(cache, target, bring) {
  const partial = makePartial(cache);
  try {
    const isThere = await bring(partial);
    if (isThere) moveInto(partial, target);
    return isThere;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function unpackFetched(wheel, folder) {
  const file = byPip(wheel, folder) ?? (await byHttp(wheel, folder));
  if (!file) return false;
  await refuseAnotherWheel(file, wheel);
  unpack(file, folder);
  rmSync(file);
  return true;
}

function refuseFullDisk(folder, neededBytes, what) {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= neededBytes) return;
  throw new SetupError(
    `${folder}: ${inGigabytes(bavail * bsize)} are free; ${what} needs ${inGigabytes(neededBytes)} while it is unpacked; free some space, or set XDG_CACHE_HOME to a folder on another disk, and run this again`,
  );
}

/** pip says little of a full disk. */
function unreached(wheel, folder) {
  refuseFullDisk(folder, wheel.bytes, wheel.file);
  const again = `python3 -m pip download --no-deps ${wheel.package}==${wheel.version}`;
  return new SetupError(
    has("python3")
      ? `${wheel.file} was not reached by pip; the index that pip is told to use must have it, as PyPI does; \`${again}\` says why it does not come; nothing was unpacked`
      : `${wheel.file} cannot be fetched: there is no python3; its pip fetches the files of libtorch with CUDA, and nothing else of it is used; install python3 with pip and run this again`,
  );
}

/** Two that fetch at once: the first one's folder stays, it has the same content. */
function moveInto(partial, target) {
  try {
    renameSync(partial, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  }
}

/** pip is only the messenger: it knows the mirrors, proxies and folders of this machine. Its own temporary files lie on the cache's disk. */
function byPip(wheel, folder) {
  const [, , python, abi] = wheel.file.split("-");
  const platforms = wheel.platformTag.split(".").flatMap((tag) => ["--platform", tag]);
  const builds = ["--only-binary=:all:", "--implementation", "cp", "--abi", abi, ...platforms];
  const quietly = ["--quiet", "--retries", "0", "--no-deps", "--dest", folder];
  const download = ["-m", "pip", "download", ...quietly, ...builds, "--python-version", pythonVersion(python)];
  for (const extra of wheel.url ? [[], ["--extra-index-url", new URL(".", wheel.url).href]] : [[]]) {
    tryRun("python3", [...download, ...extra, `${wheel.package}===${wheel.version}`], { TMPDIR: folder });
    const name = readdirSync(folder).find((entry) => entry.endsWith(".whl"));
    if (name) return join(folder, name);
  }
  return undefined;
}

/** cp311 is 3.11, py3 any 3. */
const pythonVersion = (tag) =>
  tag.replace(/^[a-z]+(\d)(\d*)$/, (_, major, minor) => (minor ? `${major}.${minor}` : major));

/** Where there is no pip: from PyTorch's own index. Undefined where it is not reached. */
export async function byHttp(wheel, folder) {
  if (!wheel.url) return undefined;
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
  const failure = `the wheel ${wheel} cannot be unpacked; free some disk space (2 GB, with CUDA 6 GB) and run this again`;
  if (has("python3")) return run("python3", ["-c", unpackScript, wheel, folder], { failure });
  if (!has("unzip") && !installDebian("unzip"))
    throw new SetupError("wheels are zip files; install unzip or python3, and run this again");
  return run("unzip", ["-q", wheel, "-x", "*.py", "*.a", "*.bc", "-d", folder], { failure });
}

/** What compiling and running need; torch.libs and nvidia, where a wheel has them, are where its libraries look for theirs. */
const unpackScript = `
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
parts = ("torch/lib/", "torch/include/", "torch/share/", "torch.libs/", "nvidia/")
others = (".py", ".a", ".bc")
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(parts) and not name.endswith(others)])
`;
