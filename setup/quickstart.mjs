// The quickstart command: set-up, the pictures that it asks for, then `selfsight quickstart` with the same arguments.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./current.mjs";
import { installDebian } from "./say.mjs";
import { setUpOrExit } from "./setup.mjs";

const given = process.argv.slice(2);
await setUpOrExit();
if (wantsFashionMnist(given) && !existsSync("/usr/share/datasets/fashion-mnist"))
  installDebian("dataset-fashion-mnist"); // else it is downloaded

function wantsFashionMnist(args) {
  const at = args.findIndex((argument) => argument === "--data" || argument.startsWith("--data="));
  const data = at < 0 ? "fashion-mnist" : args[at].includes("=") ? args[at].slice("--data=".length) : args[at + 1];
  return data === "fashion-mnist" && !args.includes("--help") && !process.env.SELFSIGHT_DATA;
}

const command = spawn(process.execPath, [join(projectRoot, "bin", "selfsight.mjs"), "quickstart", ...given], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => command.kill(signal)); // it saves and ends by itself
command.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
