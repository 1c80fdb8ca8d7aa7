// The declarations as a strict project of somebody else reads them: without Node's types, under both ways of finding a package.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Each line after `@ts-expect-error` must not compile: an unused one is an error itself. */
const program = `
import { cocoScores, type DetectionSet, drawDetections, type LogEvent, loadIndex, objectsOf, openDetectionSet, openRun, pretrain, readRun, SelfsightError } from "selfsight";
import { barlowTwinsLoss, defineMethod } from "selfsight/methods";
import { randn, scope } from "selfsight/torch";

const stopping = new AbortController();
function onEvent(event: LogEvent): void {
  if (event.event === "step") console.log(event.loss.toFixed(3), event.onDiagonal, event.invariance);
  if (event.event === "evaluation") console.log(event.protocol, event.value);
  if (event.event === "end") console.log(event.reason === "complete");
  // @ts-expect-error only steps have a loss
  console.log(event.loss);
}
const { folder } = await pretrain("photos/", { epochs: 20, lambda: 0.01 }, { out: "runs/photos", signal: stopping.signal, onEvent });
await pretrain("photos/", { method: "simsiam", predictor: "128", steps: 5 }, { recipe: "cifar10/simsiam" });
// @ts-expect-error SimSiam has no lambda
await pretrain("photos/", { method: "simsiam", lambda: 0.01 });
// @ts-expect-error a run has one length
await pretrain("photos/", { epochs: 2, steps: 3 });
// @ts-expect-error no such recipe
await pretrain("photos/", {}, { recipe: "cifar" });
const { settings } = readRun(folder);
console.log(settings.lambda?.toFixed(3), settings.projector);

using model = openRun(folder, { device: "auto" });
const index = await model.embedFolder("photos/", { split: "all" });
index.save("photos.safetensors");
const vector: Float32Array = await model.embed("query.jpg");
const vectors: Float32Array[] = await model.embed([new Uint8Array(3), "query.jpg"]);
for (const { name, similarity } of (await loadIndex("photos.safetensors")).nearest(vectors[0] ?? vector, 5))
  console.log(name, similarity.toFixed(2));
const set: DetectionSet = await openDetectionSet("coco/", { split: "val2017" });
const { boxes, classes } = objectsOf(set, 0);
const found = { boxes, classes, scores: new Float64Array(classes.length).fill(1) };
console.log(cocoScores(set, [found]).AP50?.toFixed(3), set.issues.map(({ kind, count }) => [kind, count]));
const drawn: Uint8Array = await drawDetections({ pixels: new Uint8Array(3), width: 1, height: 1 }, found, ["cat"]);
console.log(drawn.length);
try {
  scope(() => console.log(barlowTwinsLoss(randn([8, 4]), randn([8, 4]), { lambda: 0.01 }).loss.item(), defineMethod));
} catch (error) {
  if (error instanceof SelfsightError) console.log(error.kind, error.exitCode);
}
`;

const settings = { target: "es2022", strict: true, types: [], noEmit: true };

test.each([
  ["nodenext", { module: "nodenext" }],
  ["bundler", { module: "esnext", moduleResolution: "bundler" }],
])("a strict project without Node's types compiles under %s", { timeout: 60_000 }, (name, resolution) => {
  const folder = mkdtempSync(join(tmpdir(), `declarations-${name}-`));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", "selfsight"));
    writeFileSync(join(folder, "package.json"), '{"type": "module"}');
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...settings, ...resolution } }));
    writeFileSync(join(folder, "use.ts"), program);
    expect(said(folder)).toBe("");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** What the compiler says. */
function said(folder: string): string {
  try {
    return execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]).toString();
  } catch (error) {
    return String((error as { stdout: Buffer }).stdout);
  }
}
