// Two hosts whose network is cut while they train together. The hosts are network namespaces; making them takes root and Debian's iproute2.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { projectRoot } from "../setup/current.mjs";

const folder = mkdtempSync(join(tmpdir(), "selfsight-split-"));
/** Names of their own, so that two runs of this test at once do not meet. */
const hosts = ["a", "b"].map((letter) => `ss${letter}${process.pid}`) as [string, string];
const links = hosts.map((host) => `v${host.slice(2)}`) as [string, string];
const addresses = ["10.213.7.1", "10.213.7.2"] as const;

const ip = (...words: string[]) => execFileSync("ip", words, { stdio: "pipe" });

/** Two hosts with a cable between them; false where this user may not make any, or the system has none. */
function connectHosts(): boolean {
  try {
    for (const host of hosts) ip("netns", "add", host);
    ip("link", "add", links[0], "type", "veth", "peer", "name", links[1]);
    for (const [i, host] of hosts.entries()) {
      ip("link", "set", links[i]!, "netns", host);
      ip("-n", host, "address", "add", `${addresses[i]}/24`, "dev", links[i]!);
      for (const link of [links[i]!, "lo"]) ip("-n", host, "link", "set", link, "up");
    }
    return true;
  } catch {
    return false;
  }
}

const isConnected = connectHosts();
afterAll(() => {
  for (const host of hosts) spawnSync("ip", ["netns", "del", host]); // and with them their ends of the cable
  rmSync(folder, { recursive: true });
});

interface Member {
  child: ChildProcess;
  output: () => string;
  end: Promise<number | null>;
}

const settings = [
  "limit=40",
  "width=8",
  "projector=16-16",
  "knnEveryEpochs=0",
  "logEverySteps=1",
  "checkpointEverySteps=5",
];
const flags = ["--batch", "8", "--precision", "fp32", ...settings.flatMap((setting) => ["--set", setting])];

function startOn(rank: 0 | 1, words: readonly string[]): Member {
  const own = {
    RANK: `${rank}`,
    WORLD_SIZE: "2",
    MASTER_ADDR: addresses[0],
    MASTER_PORT: "29501",
    GLOO_SOCKET_IFNAME: links[rank],
  };
  const all = ["netns", "exec", hosts[rank], process.execPath, join(projectRoot, "bin", "selfsight.mjs"), ...words];
  const child = spawn("ip", all, { cwd: folder, env: { ...process.env, OMP_NUM_THREADS: "1", ...own } });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part) => {
      text += part;
    });
  return { child, output: () => text, end: new Promise((resolve) => child.on("exit", resolve)) };
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 120_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error("it did not happen within two minutes");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.skipIf(!isConnected)("two hosts", () => {
  it("whose network is cut both end with exit code 7 within the deadline, and go on when it is whole again", {
    timeout: 300_000,
  }, async () => {
    const words = ["pretrain", "shapes", ...flags, "--deadline", "8", "--steps", "100000", "--out", "cut"];
    const [first, second] = [startOn(0, words), startOn(1, words)];
    await until(() => /saved step/.test(first.output()));
    ip("-n", hosts[1], "link", "set", links[1], "down");
    expect(await Promise.all([first.end, second.end])).toEqual([7, 7]);
    expect(first.output()).toMatch(/process 1 \(.*\) ended or did not answer/);
    expect(second.output()).toMatch(/process 0, which keeps the meeting place, is gone or cannot be reached/);
    ip("-n", hosts[1], "link", "set", links[1], "up");
    const again = ["pretrain", "--resume", "cut", "--steps", "12", "--deadline", "30", "--json"];
    const [leader, other] = [startOn(0, again), startOn(1, again)];
    expect([await leader.end, await other.end, leader.output() + other.output()]).toEqual([
      0,
      0,
      expect.stringContaining('"complete"'),
    ]);
  });
});
