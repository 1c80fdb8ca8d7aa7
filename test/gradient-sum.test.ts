// Gradients of several processes, summed bucket by bucket while the backward pass goes on.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { projectRoot } from "../setup/current.mjs";
import { freePort } from "../src/cli/processes/start.ts";
import { gradientsOf, layersOf, lossOf } from "./gradient-sum.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-gradient-sum-"));
afterAll(() => rmSync(folder, { recursive: true }));

const size = 3;

async function together(): Promise<{ early: number[]; found: number[][][] }> {
  const out = join(folder, "found.json");
  const port = await freePort();
  const codes = Array.from({ length: size }, (_, rank) => codeOf(rank, port, out));
  expect(await Promise.all(codes)).toEqual(Array(size).fill(0));
  return JSON.parse(readFileSync(out, "utf8"));
}

function codeOf(rank: number, port: number, out: string): Promise<number | null> {
  const script = join(projectRoot, "test", "gradient-sum-member.ts");
  const place = { RANK: `${rank}`, WORLD_SIZE: `${size}`, MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${port}` };
  const child = spawn(process.execPath, ["--import", "jiti/register", script, out], {
    cwd: projectRoot,
    env: { ...process.env, ...place, OMP_NUM_THREADS: "1" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return new Promise((resolve) => child.on("exit", resolve));
}

/** Process by process in one, added up. */
function expected(): number[][] {
  const layers = layersOf();
  for (let rank = 0; rank < size; rank++) lossOf(layers, rank).backward();
  const sums = gradientsOf(layers);
  return [...sums.slice(0, 5), sums[5]!.map((value) => value / size)];
}

it("sums every gradient, in buckets that leave while others are still to come", async () => {
  const { early, found } = await together();
  const sums = expected();
  for (const gradients of found)
    for (const [i, gradient] of gradients.entries()) {
      expect(gradient).toHaveLength(sums[i]!.length);
      for (const [j, value] of gradient.entries()) expect(value).toBeCloseTo(sums[i]![j]!, 5);
    }
  expect(early).toEqual([5, 1]); // all but the one that never has a gradient; those of the heads alone
}, 120_000);
