// What README and docs show of the library does what they say: their very lines, run in a project beside the built package.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LogEvent, readLog, readRun } from "../src/train/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
let project: string;

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), "library-"));
  mkdirSync(join(project, "node_modules"));
  symlinkSync(root, join(project, "node_modules", "selfsight"));
  mkdirSync(join(project, "photos"));
  for (let i = 0; i < 20; i++) await photo(join("photos", `${i}.png`), 12 * i);
  await photo("query.jpg", 120);
});
afterAll(() => rmSync(project, { recursive: true }));

const photo = (name: string, red: number) =>
  sharp({ create: { width: 48, height: 40, channels: 3, background: { r: red, g: 200 - red / 2, b: 90 } } }).toFile(
    join(project, name),
  );

/** Fenced JavaScript of a page, each block. */
const codeIn = (page: string): string[] =>
  [...readFileSync(join(root, page), "utf8").matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]!);

/** Small enough for a test, in place of what a person would wait for. */
const small = 'steps: 2, size: 32, batchSize: 16, width: 8, device: "cpu", projector: "32-32"';
const shortened = (code: string, long: string): string => {
  expect(code).toContain(long);
  return code.replace(long, small);
};

function node(name: string, code: string): string {
  writeFileSync(join(project, name), code);
  return execFileSync(process.execPath, [name], { cwd: project, encoding: "utf8" });
}

test("README: photos are searched by the network that learned from them", () => {
  const code = codeIn("README.md").find((block) => block.includes("nearest"))!;
  const printed = node("search.mjs", shortened(code, "epochs: 20, size: 64"));
  expect(printed.match(/name: '\d+\.png', row: \d+, similarity: [\d.]+/g)).toHaveLength(5);
});

test("docs: a server answers while a run trains beside it; settings make a schema", () => {
  const [server, schema] = codeIn("docs/library.md");
  const asks = `
import { readFileSync } from "node:fs";
const ask = async (body) => {
  const response = await fetch("http://localhost:" + server.address().port, { method: "POST", body });
  return [response.status, await response.text()];
};
const answers = [await ask(readFileSync("query.jpg")), await ask("no picture")];
stopping.abort();
console.log(JSON.stringify({ answers, reason: await training.then(({ reason }) => reason) }));
server.close();
`;
  const long = small.replace("steps: 2", "steps: 2000");
  const beside = server!
    .replace('openRun("runs/photos")', 'openRun("untrained")')
    .replace("listen(8000)", "listen(0)")
    .replace("epochs: 20", long)
    .replace("const { reason } = await pretrain", "const training = pretrain");
  const { answers, reason } = JSON.parse(node("server.mjs", beside + asks)) as {
    answers: [number, string][];
    reason: string;
  };
  expect([answers[0]![0], JSON.parse(answers[0]![1])]).toEqual([200, expect.objectContaining({ length: 5 })]);
  expect(answers[1]).toEqual([400, expect.stringMatching(/not a picture/)]);
  expect(reason).toBe("stopped");
  expect(node("schema.mjs", schema!)).toMatch(
    /^lambda 0.0051 a number above 0 and at most 1 weight of the redundancy term\n/,
  );
});

test("docs: a method of one's own trains, resumes, is used; the commands take its run", () => {
  const [method, use] = codeIn("docs/a-method-of-your-own.md");
  expect(method!.trim().split("\n").length).toBeLessThan(45);
  writeFileSync(join(project, "alignment-uniformity.mjs"), method!);
  node("use.mjs", shortened(use!, "epochs: 20"));
  const run = join(project, "runs", "own");
  expect(readRun(run).settings).toMatchObject({ method: "alignment-uniformity", spread: 0.5, projector: "32-32" });
  const steps = readLog(run).filter(({ event }) => event === "step") as (LogEvent & { loss: number })[];
  expect(steps[0]).toMatchObject({ alignment: expect.any(Number), uniformity: expect.any(Number) });
  const selfsight = (...args: string[]) =>
    execFileSync(process.execPath, [join(root, "bin/selfsight.mjs"), ...args], { cwd: project, stdio: "pipe" });
  expect(String(selfsight("embed", run, "query.jpg", "--out", "one.safetensors"))).toMatch(/^wrote 1 embeddings of 64/);
  expect(() => selfsight("pretrain", "--resume", run)).toThrow(/none of Selfsight's, and its own file is needed/);
});

test("a run in a process of its own leaves the event loop free, and ends on its signal, saved", () => {
  const code = `
import { pretrainInProcess, resume, SelfsightError } from "selfsight";
let ticks = 0;
const timer = setInterval(() => ticks++, 5);
const stopping = new AbortController();
const onEvent = (event) => event.event === "step" && event.step === 3 && stopping.abort();
const settings = { ${small.replace("steps: 2", "steps: 2000")}, checkpointEveryMinutes: 60 };
const { reason, folder, step } = await pretrainInProcess("photos", settings, { out: "runs/apart", signal: stopping.signal, onEvent });
clearInterval(timer);
const again = await pretrainInProcess("photos", settings, { out: "runs/apart" }).catch((error) => error);
console.log(JSON.stringify({ reason, folder, isSoon: step < 500, isFree: ticks > 50, again: again instanceof SelfsightError && again.kind }));
`;
  expect(JSON.parse(node("apart.mjs", code))).toEqual({
    reason: "stopped",
    folder: "runs/apart",
    isSoon: true,
    isFree: true,
    again: "configuration",
  });
});
