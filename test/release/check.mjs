// `npm run release:check`: packs, installs into an empty project by npm, makes node_modules read-only, sets up in a cache of its
// own (libtorch is fetched, the addon compiled) and uses it; where root runs this, all of it but the packing as nobody. Minutes.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack } from "./package.mjs";

const folder = mkdtempSync(join(tmpdir(), "selfsight-release-"));
const project = join(folder, "project");
const isRoot = process.getuid?.() === 0;
const asNobody = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
/** What npm tells the scripts that it runs is about this clone; a libtorch of one's own is no part of the check. */
const isAboutHere = (name) =>
  (name.startsWith("npm_") && name !== "npm_config_registry") || name === "SELFSIGHT_LIBTORCH";
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !isAboutHere(name))),
  ...(isRoot ? { PATH: "/usr/local/bin:/usr/bin:/bin" } : {}), // root's own programs may be closed to others
  HOME: project,
  XDG_CACHE_HOME: join(folder, "cache"),
};
const outcome = { ok: 0, failed: 0 };

/** Runs a line of shell in the project; it should end with `code` and print what matches `expected`. */
function step(name, line, { code = 0, expected = /(?:)/ } = {}) {
  const [command, ...args] = [...asNobody, "sh", "-c", line];
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, env: environment, encoding: "utf8" });
  const isFine = status === code && expected.test(stdout + stderr);
  outcome[isFine ? "ok" : "failed"] += 1;
  console.log(`${isFine ? "ok  " : "FAIL"} ${name}`);
  if (!isFine) console.log(`     ${line}\n     ended with ${status}\n${stdout}${stderr}`);
}

chmodSync(folder, 0o777);
for (const name of [project, environment.XDG_CACHE_HOME]) {
  mkdirSync(name);
  chmodSync(name, 0o777);
}
const archive = pack(folder);
writeFileSync(join(project, "package.json"), '{"name": "empty", "type": "module", "private": true}\n');
writeFileSync(
  join(project, "use.mjs"),
  "import { randn, scope } from 'selfsight/torch';\nconsole.log(scope(() => randn([2, 3]).shape.join()));\n",
);
if (isRoot)
  for (const name of [".", "package.json", "use.mjs"]) spawnSync("chown", ["65534:65534", join(project, name)]);

const small = "--batch 32 --steps 4 --set width=8 --set projector=64-64 --set limit=256 --set knnEveryEpochs=0";
step("npm install of the packed file", `npm install --no-audit --no-fund "${archive}"`);
step(
  "node_modules made read-only",
  "cd node_modules && find . -type f -exec sha256sum {} + >../before && chmod -R a-w . && ! touch selfsight/x 2>/dev/null",
);
step("doctor says what to run", "npx selfsight doctor", { code: 2, expected: /run `npx selfsight setup`/ });
step("setup --check says no", "npx selfsight setup --check", { code: 2 });
step("setup", "npx selfsight setup", { expected: /^ready: libtorch /m });
step("setup --check says yes", "npx selfsight setup --check --json", { expected: /"ready": true/ });
step("doctor", "npx selfsight doctor", { expected: /a run uses/ });
step("pretrain", `npx selfsight pretrain shapes --out run ${small}`, { expected: /done: 4 steps/ });
step("resume", "npx selfsight pretrain --resume run");
step("evaluate", "npx selfsight evaluate knn run --data shapes", { expected: /%/ });
step("embed", "npx selfsight embed run shapes --out shapes.safetensors", { expected: /wrote \d+ embeddings/ });
step("export", "npx selfsight export run --format safetensors --out exported");
step("as a library", "node use.mjs", { expected: /^2,3$/m });
step("all of it left node_modules as it was", "cd node_modules && sha256sum -c --quiet ../before");
step("verify says where the cases are", "npx selfsight verify cases", { code: 3, expected: /not in the npm package/ });

spawnSync("chmod", ["-R", "u+w", folder]);
rmSync(folder, { recursive: true, force: true });
console.log(`${outcome.ok} passed, ${outcome.failed} failed`);
process.exit(outcome.failed > 0 ? 1 : 0);
