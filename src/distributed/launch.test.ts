import { describe, expect, it } from "vitest";
import { firstNode, launchFrom } from "./launch.ts";

describe("how a program was started among others", () => {
  it("is alone where nothing is said, or one process", () => {
    expect(launchFrom({})).toBeUndefined();
    expect(launchFrom({ RANK: "0", WORLD_SIZE: "1" })).toBeUndefined();
    expect(launchFrom({ PET_NNODES: "1" })).toBeUndefined();
  });

  it("torchrun: the agent keeps the meeting place, and a restart has keys of its own", () => {
    const environment = {
      RANK: "0",
      WORLD_SIZE: "4",
      LOCAL_RANK: "0",
      MASTER_ADDR: "node-1",
      MASTER_PORT: "29401",
      TORCHELASTIC_RUN_ID: "none",
      TORCHELASTIC_USE_AGENT_STORE: "True",
      TORCHELASTIC_RESTART_COUNT: "2",
    };
    expect(launchFrom(environment)).toEqual({
      by: "torchrun",
      rank: 0,
      size: 4,
      localRank: 0,
      host: "node-1",
      port: 29401,
      keepsMeeting: false,
      prefix: "selfsight-2",
    });
    const older = { ...environment, TORCHELASTIC_USE_AGENT_STORE: "False" };
    expect(launchFrom(older)).toMatchObject({ by: "torchrun", keepsMeeting: true });
  });

  it("Slurm: a step of srun, its first node the meeting place; a batch script without srun is alone", () => {
    const step = {
      SLURM_PROCID: "5",
      SLURM_NTASKS: "8",
      SLURM_LOCALID: "1",
      SLURM_STEP_NODELIST: "gpu[03-05,09],cpu1",
      SLURM_JOB_ID: "1234",
      SLURM_STEP_ID: "0",
    };
    expect(launchFrom(step)).toMatchObject({
      by: "Slurm",
      rank: 5,
      size: 8,
      localRank: 1,
      host: "gpu03",
      keepsMeeting: false,
    });
    expect(launchFrom({ ...step, SLURM_PROCID: "0" })).toMatchObject({ keepsMeeting: true });
    expect(launchFrom({ ...step, SLURM_JOB_ID: "1235" })?.port).not.toBe(launchFrom(step)?.port);
    const { SLURM_STEP_NODELIST: _, ...script } = { ...step, SLURM_JOB_NODELIST: "gpu03" };
    expect(launchFrom(script)).toBeUndefined();
  });

  it.each([
    ["gpu[03-05,09]", "gpu03"],
    ["a1,b[1-2]", "a1"],
    ["n[7,9]-ib", "n7-ib"],
    ["lonely", "lonely"],
  ])("%s begins with %s", (list, first) => expect(firstNode(list)).toBe(first));

  it("Kubernetes: a TrainJob's pod for each node, and JobSet's completion index", () => {
    const pod = {
      PET_NNODES: "3",
      PET_NODE_RANK: "2",
      PET_NPROC_PER_NODE: "auto",
      PET_MASTER_ADDR: "job-0",
      PET_MASTER_PORT: "29400",
    };
    expect(launchFrom(pod)).toMatchObject({
      by: "Kubernetes",
      rank: 2,
      size: 3,
      host: "job-0",
      port: 29400,
      localRank: 0,
    });
    expect(() => launchFrom({ ...pod, PET_NPROC_PER_NODE: "4" })).toThrow(/PET_NPROC_PER_NODE 4/);
    const indexed = { WORLD_SIZE: "4", JOB_COMPLETION_INDEX: "3", MASTER_ADDR: "set-0" };
    expect(launchFrom(indexed)).toMatchObject({ by: "Kubernetes", rank: 3, port: 29500 });
  });

  it("names what is missing or wrong", () => {
    expect(() => launchFrom({ WORLD_SIZE: "2" })).toThrow(/RANK is not set/);
    expect(() => launchFrom({ WORLD_SIZE: "2", RANK: "0" })).toThrow(/MASTER_ADDR is not set/);
    expect(() => launchFrom({ WORLD_SIZE: "two", RANK: "0" })).toThrow(
      /WORLD_SIZE is two in the environment; a whole number/,
    );
    expect(() => launchFrom({ WORLD_SIZE: "2", RANK: "2", MASTER_ADDR: "a" })).toThrow(/rank 2 of 2 processes/);
  });
});
