// Runs the addon's own tests under the address and undefined-behaviour sanitizers: `node test/sanitizers.mjs`. Builds the
// instrumented addon once (a minute). Not part of the test suite. Only native/ is instrumented, so any report is about it.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { buildAddon } from "../setup/addon.mjs";
import { projectRoot, readCurrentBuild } from "../setup/current.mjs";

const build = readCurrentBuild();
if (!build) {
  console.error("sanitizers: the addon is not built; run `npm run setup` first");
  process.exit(2);
}

// The instrumented addon stands beside the ordinary ones under a name of its own, which SELFSIGHT_LIBTORCH then asks for.
const name = "sanitized";
const instrumented = buildAddon({ ...build.libtorch, source: name }, { sanitize: true });

const library = (file) => spawnSync("g++", [`-print-file-name=${file}`], { encoding: "utf8" }).stdout.trim();
const environment = {
  ...process.env,
  SELFSIGHT_LIBTORCH: name,
  OMP_NUM_THREADS: "1",
  LD_PRELOAD: `${library("libasan.so")} ${library("libubsan.so")}`,
  // Node and libtorch keep much until the process ends, so leaks are no news here; test/leaks.test.ts counts them.
  ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1",
  UBSAN_OPTIONS: "print_stacktrace=1",
};
const jiti = ["--import", "jiti/register"];
const runs = {
  "every call with wrong values": [...jiti, "test/addon-fuzz.ts", "7", "10"],
  "memory lent and borrowed": ["--expose-gc", ...jiti, "test/zero-copy.ts"],
  "views of all kinds": [...jiti, "test/view-differences.ts"],
  "threads, started and stopped": ["test/worker-threads.mjs", instrumented.addonPath],
};

let failures = 0;
for (const [label, argumentsOf] of Object.entries(runs)) {
  const { status, signal, stderr } = spawnSync(process.execPath, argumentsOf, {
    cwd: projectRoot,
    env: environment,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 300_000,
  });
  const first = stderr.search(/^.*(ERROR: AddressSanitizer|runtime error:)/m); // the first report, of either sanitizer
  const isFine = status === 0 && first < 0;
  failures += isFine ? 0 : 1;
  console.log(`${isFine ? "ok  " : "FAIL"} ${label}${signal ? ` (${signal})` : ""}`);
  if (!isFine) console.error(first < 0 ? stderr.slice(-2000) : stderr.slice(first, first + 4000));
}
rmSync(dirname(instrumented.addonPath), { recursive: true });
console.log(failures === 0 ? "no reports" : `${failures} of ${Object.keys(runs).length} with reports`);
process.exit(failures > 0 ? 1 : 0);
