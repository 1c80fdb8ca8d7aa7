// The test command: types, lint and format, then every test; ends with one line of counts. Arguments go to vitest.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "./current.mjs";
import { setUpOrExit } from "./setup.mjs";

await setUpOrExit();

const bin = (name) => join(projectRoot, "node_modules", ".bin", name);
const outcome = { passed: 0, failed: 0, skipped: 0 };

function check(name, command, args) {
  const isFine = spawnSync(command, args, { cwd: projectRoot, stdio: "inherit" }).status === 0;
  outcome[isFine ? "passed" : "failed"] += 1;
  console.log(`${isFine ? "ok  " : "FAIL"} ${name}`);
}

function runTests(given) {
  const folder = mkdtempSync(join(tmpdir(), "selfsight-test-"));
  const report = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status } = spawnSync(bin("vitest"), ["run", ...reporters, ...given], { cwd: projectRoot, stdio: "inherit" });
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(
      readFileSync(report, "utf8"),
    );
    outcome.passed += numPassedTests;
    outcome.skipped += numPendingTests;
    // A file that fails to load has no failed test of its own, and a run may fail by an error outside all tests.
    outcome.failed += numFailedTests > 0 ? numFailedTests : numFailedTestSuites > 0 || status !== 0 ? 1 : 0;
  } catch {
    outcome.failed += 1;
  }
  rmSync(folder, { recursive: true, force: true });
}

check("types", bin("tsc"), ["-p", "tsconfig.json", "--noEmit"]);
check("types of the page", bin("tsc"), ["-p", "web/tsconfig.json", "--noEmit"]);
check("types of the live page", bin("tsc"), ["-p", "web/ui/tsconfig.json"]);
check("lint and format", bin("biome"), ["check", "--error-on-warnings", "."]);
runTests(process.argv.slice(2));
const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : "";
console.log(`${outcome.passed} passed, ${outcome.failed} failed${skipped}`);
process.exit(outcome.failed > 0 ? 1 : 0);
