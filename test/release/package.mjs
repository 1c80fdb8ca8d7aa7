// The package as npm would publish it, made from a copy of the clone, so that nothing stale gets in and nobody's dist is touched.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Packs into `folder` and returns the path of the .tgz. */
export function pack(folder) {
  const copy = mkdtempSync(join(folder, "source-"));
  for (const name of trackedFiles()) copyFile(join(root, name), join(copy, name));
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: copy,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return join(
    folder,
    readdirSync(folder).find((name) => name.endsWith(".tgz")),
  );
}

const trackedFiles = () =>
  execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter((name) => name !== "" && !name.startsWith("test/"));

function copyFile(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { force: true });
}

/** The files of an unpacked package, by their paths in it. */
export const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

/**
 * An empty project with the package in its node_modules, as `npm install` lays it, but without asking a registry: what it
 * depends on is linked from this clone. Returns the project's folder.
 */
export function installOffline(archive, folder) {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, ".bin"), { recursive: true });
  execFileSync("tar", ["-xzf", archive, "-C", modules]);
  execFileSync("mv", [join(modules, "package"), join(modules, "selfsight")]);
  const { dependencies } = JSON.parse(readFileSync(join(modules, "selfsight", "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  symlinkSync(join("..", "selfsight", "bin", "selfsight.mjs"), join(modules, ".bin", "selfsight"));
  return folder;
}
