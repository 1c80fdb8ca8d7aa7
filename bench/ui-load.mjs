// What the live page costs: node bench/ui-load.mjs [--steps 100000] [--runs 1000] [--clients 1000] [--seconds 20]
// 1 first paint and interactive in Chromium on one run of many steps and on many runs; 2 memory of the server with listeners, 50 of which
// never read; 3 steps of a training process with listeners and without, alternately. Every loop ends by itself.
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
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

/** Seconds of processor time that a process, and those below it, have taken. */
function processorSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    const below = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ").filter(Boolean),
    );
    return (Number(fields[11]) + Number(fields[12])) / 100 + below.reduce((sum, one) => sum + processorSeconds(one), 0);
  } catch {
    return 0;
  }
}

/** A small training of a hundred steps: median seconds of one by the clock, and processor seconds of one. */
async function stepSeconds(root, name) {
  const steps = 100;
  const folder = join(root, name);
  const words = ["pretrain", "shapes", "--out", folder, "--batch", "64", "--steps", String(steps), "--seed", "1"];
  const small = ["width=8", "projector=64-64", "limit=640", "knnEveryEpochs=0"].flatMap((one) => ["--set", one]);
  const child = spawn(process.execPath, [program, ...words, ...small], {
    stdio: "ignore",
    env: { ...process.env, OMP_NUM_THREADS: "1" },
  });
  const logged = () => {
    const text = existsSync(join(folder, "log.jsonl")) ? readFileSync(join(folder, "log.jsonl"), "utf8") : "";
    const lines = text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter(Boolean);
    return lines.map((one) => JSON.parse(one)).filter(({ event }) => event === "step");
  };
  let [first, last] = [undefined, undefined];
  while (child.exitCode === null) {
    const step = logged().at(-1)?.step ?? 0;
    const at = { step, seconds: processorSeconds(child.pid) };
    if (step >= 10) first ??= at;
    if (at.seconds > 0) last = at;
    await pause(100);
  }
  const wall = median(
    logged()
      .filter(({ step }) => step > 10)
      .map(({ imagesPerSecond }) => 64 / imagesPerSecond),
  );
  return { wall, processor: (last.seconds - first.seconds) / (last.step - first.step) };
}

async function training() {
  const ratios = { wall: [], processor: [] };
  for (let round = 0; round < count.rounds; round++) {
    const root = join(scratch, `trained-${round}`);
    mkdirSync(root, { recursive: true });
    const alone = await stepSeconds(root, "alone");
    const server = await startUi(root);
    const waiting = stepSeconds(root, "watched");
    const sockets = await listenersOf(server, "watched");
    const before = processorSeconds(server.child.pid);
    const began = Date.now();
    const watched = await waiting;
    const share = (processorSeconds(server.child.pid) - before) / ((Date.now() - began) / 1000);
    for (const socket of sockets) socket.destroy();
    await stop(server.child);
    for (const kind of ["wall", "processor"]) ratios[kind].push(watched[kind] / alone[kind]);
    const ms = (seconds) => (1000 * seconds).toFixed(1);
    console.log(
      `  a step alone ${ms(alone.wall)} ms (${ms(alone.processor)} of processor), with ${sockets.length} listeners ${ms(watched.wall)} ms (${ms(watched.processor)}); the server took ${(100 * share).toFixed(1)} % of a core`,
    );
  }
  console.log(
    `step with ${count.clients} listeners over step alone, median of ${count.rounds} pairs: ${median(ratios.wall).toFixed(3)} by the clock, ${median(ratios.processor).toFixed(3)} in processor time`,
  );
}

/** Listeners of a run as soon as there is one of that name; 50 of them never read. */
async function listenersOf(server, wanted) {
  for (let i = 0; i < 400; i++) {
    const answer = await fetch(`http://127.0.0.1:${server.port}/api/runs`, {
      headers: { "x-selfsight-token": server.token },
    });
    const own = (await answer.json()).runs.find(({ name }) => name === wanted);
    if (own) return Array.from({ length: count.clients }, (_, i) => listener(server, own.id, i >= 50));
    await pause(300);
  }
  return [];
}

/** Frames a second of a map of 50,000 points, drawn by software. */
async function map() {
  const root = join(scratch, "mapped");
  putRun(join(root, "run"), 50);
  const own = join(root, "run", "observations");
  mkdirSync(own);
  const points = Number(process.env.POINTS ?? 50_000);
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
  const before = processorSeconds(process.pid);
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
    return frames;
  });
  const each = (processorSeconds(process.pid) - before) / frames;
  console.log(
    `a map of ${points} points without a graphics card: ${(frames / 4).toFixed(0)} frames a second, ${(1000 * each).toFixed(0)} ms of processor time each`,
  );
  await browser.close();
  await stop(server.child);
}

try {
  for (const part of values.parts.split(",")) await { paint: paints, memory, training, map }[part]();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
