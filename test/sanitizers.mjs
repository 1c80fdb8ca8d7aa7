// Runs the addon's own tests under the address and undefined-behaviour sanitizers: `node test/sanitizers.mjs`. Builds the
// instrumented addon once (a minute). Not part of the test suite. Ends with 0 when no report names a file of native/.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAddon } from "../setup/addon.mjs";
import { buildFolder, projectRoot, readCurrentBuild } from "../setup/current.mjs";

const build = readCurrentBuild();
if (!build) {
  console.error("sanitizers: the addon is not built; run `npm run setup` first");
  process.exit(2);
}

// The instrumented addon stands beside the ordinary ones under a name of its own, which SELFSIGHT_LIBTORCH then asks for.
const name = "sanitized";
const instrumented = buildAddon(build.libtorch, { sanitize: true });
const folder = join(buildFolder, name);
const logs = mkdtempSync(join(tmpdir(), "selfsight-sanitizers-"));
mkdirSync(folder, { recursive: true });
writeFileSync(
  join(folder, "build.json"),
  JSON.stringify({ ...instrumented, libtorch: { ...instrumented.libtorch, source: name } }),
);

const library = (file) => spawnSync("g++", [`-print-file-name=${file}`], { encoding: "utf8" }).stdout.trim();
const environment = {
  ...process.env,
  SELFSIGHT_LIBTORCH: name,
  OMP_NUM_THREADS: "1",
  LD_PRELOAD: `${library("libasan.so")} ${library("libubsan.so")}`,
  // Node and libtorch keep much until the process ends, so leaks are no news here; test/leaks.test.ts counts them.
  ASAN_OPTIONS: `detect_leaks=0:halt_on_error=0:allocator_may_return_null=1:handle_segv=1:log_path=${join(logs, "asan")}`,
  UBSAN_OPTIONS: `print_stacktrace=1:log_path=${join(logs, "ubsan")}`,
};
const jiti = ["--import", "jiti/register"];
const runs = {
  "every call with wrong values": [...jiti, "test/addon-fuzz.ts", "7", "10"],
  "memory lent and borrowed": ["--expose-gc", ...jiti, "test/zero-copy.ts"],
  "threads, started and stopped": ["test/worker-threads.mjs", instrumented.addonPath],
};

let failures = 0;
for (const [label, argumentsOf] of Object.entries(runs)) {
  const { status, signal, stderr } = spawnSync(process.execPath, argumentsOf, {
    cwd: projectRoot,
    env: environment,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) {
    failures += 1;
    console.error(stderr.split("\n").slice(-20).join("\n"));
  }
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${label}${signal ? ` (${signal})` : ""}`);
}

/** A report is ours where a frame of it lies in native/. */
const reports = readdirSync(logs).map((file) => readFileSync(join(logs, file), "utf8"));
const ours = reports.filter((report) => /native\/\w+\.(cc|h)/.test(report));
for (const report of ours) console.error(report.slice(0, 4000));
console.log(`${reports.length} reports, ${ours.length} from native/`);
rmSync(logs, { recursive: true });
rmSync(folder, { recursive: true });
process.exit(failures + ours.length > 0 ? 1 : 0);
