// What the live page costs: node bench/ui-load.mjs [--steps 100000] [--runs 1000] [--clients 1000] [--seconds 20]
// 1 first paint and interactive in Chromium on one run of many steps and on many runs; 2 memory of the server with listeners, 50 of which
// never read; 3 steps of a training process with listeners and without, alternately. Every loop ends by itself.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "100000" },
    runs: { type: "string", default: "1000" },
    clients: { type: "string", default: "1000" },
    seconds: { type: "string", default: "20" },
    parts: { type: "string", default: "paint,memory,training,map" },
    rounds: { type: "string", default: "3" },
  },
});
const count = Object.fromEntries(
  ["steps", "runs", "clients", "seconds", "rounds"].map((name) => [name, Number(values[name])]),
);
const program = join(import.meta.dirname, "..", "bin", "selfsight.mjs");
const scratch = mkdtempSync(join(tmpdir(), "selfsight-ui-load-"));

const line = (step) =>
  `${JSON.stringify({ event: "step", step, epoch: step >> 8, loss: 40 * Math.exp(-step / 5e4) + Math.random(), onDiagonal: 30, offDiagonal: 99.5, floor: 0.33, learningRate: 0.2, imagesPerSecond: 1234.5, dataWaitShare: 0.01, stepShares: { views: 0.1, forward: 0.3, loss: 0.1, backward: 0.4, update: 0.1 }, ...(step % 20 === 0 && { featureStd: 0.9, effectiveRank: 55.5, deadDimensions: 0, recognition: 0.9 }) })}\n`;

function putRun(folder, steps) {
  mkdirSync(join(folder, "checkpoints"), { recursive: true });
  writeFileSync(
    join(folder, "run.json"),
    JSON.stringify({ settings: { method: "barlow-twins" }, data: "photos", created: new Date() }),
  );
  writeFileSync(join(folder, "log.jsonl"), `{"event":"start","step":0,"totalSteps":${2 * steps}}\n`);
  for (let from = 1; from <= steps; from += 1000)
    appendFileSync(
      join(folder, "log.jsonl"),
      Array.from({ length: Math.min(1000, steps - from + 1) }, (_, i) => line(from + i)).join(""),
    );
}

async function startUi(root) {
  const child = spawn(process.execPath, [program, "ui", root, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(child.stdout, "data");
  const [url, port, token] = /http:\/\/[^:]+:(\d+)\/\?token=(\S+)/.exec(said);
  return { child, url, port: Number(port), token };
}

async function stop(child) {
  child.kill("SIGTERM");
  await once(child, "exit");
}

const residentMB = ({ child }) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024;
const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];
const quiet = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--use-angle=swiftshader"],
};

/** Milliseconds from the address to the first paint, and to when what was asked for can be used; the server has just started each time. */
async function timesOf(root, place, isUsable) {
  const server = await startUi(root);
  const browser = await chromium.launch(quiet);
  const page = await browser.newPage();
  await page.goto(server.url.replace("/?", "/?")); // the cookie, and a warm browser
  await stop(server.child);
  const cold = await startUi(root);
  await page.goto(cold.url.replace(/\/\?/, `/?`));
  const began = Date.now();
  await page.goto(`http://127.0.0.1:${cold.port}/#${place}`);
  await page.reload();
  await isUsable(page);
  const usable = Date.now() - began;
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  await browser.close();
  await stop(cold.child);
  return { paint: Math.round(paint), usable };
}

async function paints() {
  const { createHash } = await import("node:crypto");
  const long = join(scratch, "long");
  putRun(join(long, "run"), count.steps);
  const many = join(scratch, "many");
  for (let i = 0; i < count.runs; i++) putRun(join(many, `run-${i}`), 300);
  const id = createHash("sha256").update("run").digest("hex").slice(0, 16);
  const [one, all] = [[], []];
  for (let round = 0; round < count.rounds; round++) {
    one.push(await timesOf(long, `/run/${id}`, (page) => page.locator(".chart canvas").first().waitFor()));
    all.push(await timesOf(many, "/", (page) => page.getByText(`${count.runs} runs`).waitFor()));
  }
  for (const [name, times] of [
    [`a run of ${count.steps} logged steps`, one],
    [`${count.runs} runs`, all],
  ])
    console.log(
      `${name}: first paint ${median(times.map(({ paint }) => paint))} ms, usable ${median(times.map(({ usable }) => usable))} ms (median of ${times.length})`,
    );
}

function listener({ port, token }, id, reads) {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`GET /api/run/${id}/live HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nx-selfsight-token: ${token}\r\n\r\n`);
  if (reads) socket.resume();
  else socket.pause();
  return socket;
}

const idOf = async ({ port, token }) => {
  const answer = await fetch(`http://127.0.0.1:${port}/api/runs`, { headers: { "x-selfsight-token": token } });
  return (await answer.json()).runs[0].id;
};

async function memory() {
  const root = join(scratch, "heard");
  putRun(join(root, "run"), 1000);
  const server = await startUi(root);
  const id = await idOf(server);
  await pause(1000);
  const before = residentMB(server);
  const sockets = Array.from({ length: count.clients }, (_, i) => listener(server, id, i >= 50));
  await pause(3000);
  const joined = residentMB(server);
  let [step, sent] = [1000, 0];
  const most = [];
  const began = Date.now();
  while (Date.now() - began < 1000 * count.seconds) {
    const text = Array.from({ length: 100 }, () => line(++step)).join("");
    appendFileSync(join(root, "run", "log.jsonl"), text);
    sent += text.length;
    most.push(residentMB(server));
    await pause(100);
  }
  await pause(2000);
  const after = residentMB(server);
  const shown = (value) => value.toFixed(0);
  console.log(
    `${count.clients} listeners, 50 that never read, ${(sent / 1e6).toFixed(1)} MB to each: server ${shown(before)} MB alone, ${shown(joined)} with all, at most ${shown(Math.max(...most))} while it sent, ${shown(after)} afterwards`,
  );
  for (const socket of sockets) socket.destroy();
  await stop(server.child);
}

/** Seconds a step of a small training: median of what it logs. */
async function stepSeconds(root, name) {
  const folder = join(root, name);
  const words = ["pretrain", "shapes", "--out", folder, "--batch", "64", "--epochs", "1000", "--seed", "1"];
  const small = ["width=8", "projector=64-64", "limit=640", "knnEveryEpochs=0"].flatMap((one) => ["--set", one]);
  const child = spawn(process.execPath, [program, ...words, ...small], {
    stdio: "ignore",
    env: { ...process.env, OMP_NUM_THREADS: "1" },
  });
  await pause(1000 * count.seconds + 12_000);
  await stop(child);
  const events = readFileSync(join(folder, "log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text));
  return median(
    events
      .filter(({ event, step }) => event === "step" && step > 20)
      .map(({ imagesPerSecond }) => 64 / imagesPerSecond),
  );
}

async function training() {
  const ratios = [];
  for (let round = 0; round < count.rounds; round++) {
    const root = join(scratch, `trained-${round}`);
    mkdirSync(root, { recursive: true });
    const alone = await stepSeconds(root, "alone");
    const server = await startUi(root);
    const waiting = stepSeconds(root, "watched");
    let sockets = [];
    for (let i = 0; i < 60 && sockets.length === 0; i++) {
      await pause(300);
      const { runs } = await (
        await fetch(`http://127.0.0.1:${server.port}/api/runs`, { headers: { "x-selfsight-token": server.token } })
      ).json();
      const own = runs.find(({ name }) => name === "watched");
      if (own) sockets = Array.from({ length: count.clients }, (_, i) => listener(server, own.id, i >= 50));
    }
    const watched = await waiting;
    for (const socket of sockets) socket.destroy();
    await stop(server.child);
    ratios.push(watched / alone);
    console.log(
      `  a step alone ${(1000 * alone).toFixed(1)} ms, with ${sockets.length} listeners ${(1000 * watched).toFixed(1)} ms`,
    );
  }
  console.log(
    `step with ${count.clients} listeners over step alone: ${median(ratios).toFixed(3)} (median of ${ratios.length} pairs)`,
  );
}

/** Frames a second of a map of 50,000 points, drawn by software. */
async function map() {
  const root = join(scratch, "mapped");
  putRun(join(root, "run"), 50);
  const own = join(root, "run", "observations");
  mkdirSync(own);
  const points = 50_000;
  const places = Buffer.from(
    Int16Array.from({ length: 2 * points }, () => 20_000 * (Math.random() - 0.5)).buffer,
  ).toString("base64");
  writeFileSync(
    join(own, "map.jsonl"),
    [1, 2].map((step) => `{"step":${step},"scale":0.001,"points":"${places}"}\n`).join(""),
  );
  writeFileSync(
    join(own, "sample.json"),
    JSON.stringify({
      length: points,
      indices: Array.from({ length: points }, (_, i) => i),
      labels: Array.from({ length: points }, (_, i) => i % 10),
      queries: [],
      tile: 16,
      columns: 200,
    }),
  );
  const server = await startUi(root);
  const browser = await chromium.launch(quiet);
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  await page.goto(server.url);
  await page.goto(`http://127.0.0.1:${server.port}/#/run/${await idOf(server)}/pictures`);
  await page.reload();
  await page.getByRole("application").focus();
  const frames = await page.evaluate(async () => {
    const stage = document.querySelector(".map");
    const began = performance.now();
    let frames = 0;
    while (performance.now() - began < 4000) {
      stage.dispatchEvent(
        new KeyboardEvent("keydown", { key: frames % 2 ? "ArrowLeft" : "ArrowRight", bubbles: true }),
      );
      await new Promise((resolve) => requestAnimationFrame(resolve));
      frames++;
    }
    return frames / 4;
  });
  console.log(`a map of ${points} points, software GL: ${frames.toFixed(0)} frames a second`);
  await browser.close();
  await stop(server.child);
}

try {
  for (const part of values.parts.split(",")) await { paint: paints, memory, training, map }[part]();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
