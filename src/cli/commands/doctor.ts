import { existsSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { readCurrentBuild } from "../../../setup/current.mjs";
import { findKnownDatasets } from "../../data/index.ts";
import { type GpuFacts, gpuFacts, threads } from "../../torch/index.ts";
import { chosenDevice, chosenPrecision } from "../../train/index.ts";
import { version } from "../../version.ts";

/** What this machine offers, and what a run would use of it. */
export interface Diagnosis {
  selfsight: string;
  node: string;
  libtorch: { version: string; source: string; root: string } | null;
  problem: string | null;
  devices: string[];
  gpu: Pick<GpuFacts, "driverVersion" | "devices" | "problem"> | null;
  device: string | null;
  precision: string | null;
  threads: number | null;
  processor: string;
  cores: number;
  memoryGiB: { total: number; free: number };
  diskFreeGiB: number;
  data: Record<string, string | null>;
}

/** `selfsight doctor`: exit 0 when a run could start, 2 otherwise. */
export async function doctor({ json }: { json?: true | undefined }): Promise<void> {
  const diagnosis = await diagnose();
  if (json) console.log(JSON.stringify(diagnosis, null, 2));
  else print(diagnosis);
  if (diagnosis.problem !== null) process.exitCode = 2;
}

async function diagnose(): Promise<Diagnosis> {
  const build = readCurrentBuild();
  const libtorch = build
    ? { version: build.libtorch.version, source: build.libtorch.source, root: build.libtorch.root }
    : null;
  return {
    selfsight: version,
    node: process.version,
    libtorch,
    ...engineFacts(),
    ...machineFacts(),
    data: await findKnownDatasets(),
  };
}

function engineFacts(): Pick<Diagnosis, "problem" | "devices" | "gpu" | "device" | "precision" | "threads"> {
  try {
    const { reached, ...gpu } = gpuFacts();
    const gpus = Array.from({ length: reached }, (_, i) => `cuda:${i}`);
    const device = chosenDevice("auto");
    return {
      problem: null,
      devices: ["cpu", ...gpus],
      gpu,
      device,
      precision: chosenPrecision("auto", device),
      threads: threads(),
    };
  } catch (error) {
    return { problem: (error as Error).message, devices: [], gpu: null, device: null, precision: null, threads: null };
  }
}

function machineFacts(): Pick<Diagnosis, "processor" | "cores" | "memoryGiB" | "diskFreeGiB"> {
  const gib = (bytes: number) => Math.round((bytes / 2 ** 30) * 10) / 10;
  const disk = existsSync(".") ? statfsSync(".") : undefined;
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: { total: gib(totalmem()), free: gib(freemem()) },
    diskFreeGiB: disk ? gib(disk.bavail * disk.bsize) : 0,
  };
}

function print(diagnosis: Diagnosis): void {
  const { libtorch, memoryGiB, data } = diagnosis;
  const rows: [string, string][] = [
    ["selfsight", `${diagnosis.selfsight} on Node ${diagnosis.node}`],
    ["libtorch", libtorch ? libtorchText(libtorch) : "none"],
    ["devices", diagnosis.devices.join(", ") || "none"],
    ...gpuRows(diagnosis.gpu),
    [
      "a run uses",
      diagnosis.device ? `${diagnosis.device}, ${diagnosis.precision}, ${diagnosis.threads} threads` : "nothing yet",
    ],
    [
      "machine",
      `${diagnosis.processor}, ${diagnosis.cores} cores, ${memoryGiB.free} of ${memoryGiB.total} GiB memory free, ${diagnosis.diskFreeGiB} GiB disk free here`,
    ],
    ...Object.entries(data).map(([name, place]): [string, string] => [
      name,
      place ?? "not here; downloaded when asked for",
    ]),
    ...(diagnosis.problem ? [["problem", diagnosis.problem] as [string, string]] : []),
  ];
  for (const [name, text] of rows) console.log(`${name.padEnd(14)}${text}`);
}

/** Its version is "none" where its files are gone or closed to this user; the row of the problem says which. */
const libtorchText = ({ version, source, root }: NonNullable<Diagnosis["libtorch"]>): string =>
  `${version === "none" ? "version cannot be read" : version}, from ${source}: ${root}`;

function gpuRows(gpu: Diagnosis["gpu"]): [string, string][] {
  if (gpu === null) return [];
  const gib = (bytes: number) => Math.round(bytes / 2 ** 30);
  return [
    ...gpu.devices.map(({ name, memoryBytes, computeCapability }, place): [string, string] => [
      `gpu ${place}`,
      `${name}, ${gib(memoryBytes)} GiB, compute capability ${computeCapability}, driver ${gpu.driverVersion ?? "unknown"}`,
    ]),
    ...(gpu.problem === null ? [] : [["gpu", gpu.problem] as [string, string]]),
  ];
}
