// What the set-up prints, how it runs other programs, and how it fails.
import { spawnSync } from "node:child_process";

/** A failure with a sentence for its reader; anything else is a fault of ours. */
export class SetupError extends Error {}

export const say = (text) => console.error(`setup: ${text}`);

/** Runs a program quietly; its output is shown only where it fails. */
export function run(command, args, { cwd, env, failure } = {}) {
  const done = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, encoding: "utf8", maxBuffer: 1 << 28 });
  if (done.status === 0) return done.stdout;
  const output = `${done.stdout ?? ""}\n${done.stderr ?? ""}`.trim().split("\n").slice(-25).join("\n");
  throw new SetupError(`${failure ?? `${command} failed`}\n${done.error ? done.error.message : output}`);
}

/** The program's output, or undefined where it fails or is not there. */
export function tryRun(command, args, env) {
  const done = spawnSync(command, args, { env: { ...process.env, ...env }, encoding: "utf8", maxBuffer: 1 << 28 });
  return done.status === 0 ? done.stdout : undefined;
}

export const has = (command) => tryRun("sh", ["-c", `command -v ${command}`]) !== undefined;

/** Installs Debian packages where this user may; returns whether it did. */
export function installDebian(...packages) {
  if (process.getuid?.() !== 0 || !has("apt-get")) return false;
  say(`installing Debian packages: ${packages.join(" ")} ...`);
  const install = ["-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends", ...packages];
  if (tryRun("apt-get", install) !== undefined) return true;
  tryRun("apt-get", ["update"]);
  return tryRun("apt-get", install) !== undefined;
}
