// How a program was started among others, as torchrun, Slurm, Kubernetes and `--processes` say it in the environment.
import { SelfsightError } from "../errors.ts";

/** One process among `size`, and where they meet. */
export interface Launch {
  /** Who started it, as messages name them. */
  by: "torchrun" | "Slurm" | "Kubernetes" | "--processes" | "the environment";
  rank: number;
  size: number;
  /** Its number on its machine; it chooses the GPU. */
  localRank: number;
  host: string;
  port: number;
  /** Whether this process keeps the meeting place; under torchrun its agent does. */
  keepsMeeting: boolean;
  /** Another one for every restart, where the meeting place outlives it. */
  prefix: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The variable by which `--processes` tells its children that it has started them. */
export const startedHere = "SELFSIGHT_STARTED_HERE";

/** c10d's own default. */
const usualPort = 29500;

/** What the environment says; undefined where it starts one process. Errors: configuration, when it says half. */
export function launchFrom(environment: Environment): Launch | undefined {
  const launch = fromRank(environment) ?? fromTrainJob(environment) ?? fromSlurm(environment);
  if (!launch || launch.size === 1) return undefined;
  if (launch.rank < 0 || launch.rank >= launch.size)
    throw wrong(`rank ${launch.rank} of ${launch.size} processes`, `ranks count from 0 to ${launch.size - 1}`);
  return launch;
}

/** RANK and WORLD_SIZE: torchrun, `--processes`, and whoever writes them himself; JobSet gives the rank as JOB_COMPLETION_INDEX. */
function fromRank(environment: Environment): Launch | undefined {
  if (environment.WORLD_SIZE === undefined) return undefined;
  const rankName = environment.RANK === undefined && environment.JOB_COMPLETION_INDEX ? "JOB_COMPLETION_INDEX" : "RANK";
  const size = numberOf(environment, "WORLD_SIZE");
  if (size === 1) return undefined;
  const rank = numberOf(environment, rankName);
  const isAgents = environment.TORCHELASTIC_USE_AGENT_STORE === "True";
  return {
    by: starterOf(environment),
    rank,
    size,
    localRank: environment.LOCAL_RANK === undefined ? 0 : numberOf(environment, "LOCAL_RANK"),
    host: textOf(environment, "MASTER_ADDR"),
    port: environment.MASTER_PORT === undefined ? usualPort : numberOf(environment, "MASTER_PORT"),
    keepsMeeting: rank === 0 && !isAgents,
    prefix: `selfsight-${environment.TORCHELASTIC_RESTART_COUNT ?? "0"}`,
  };
}

function starterOf(environment: Environment): Launch["by"] {
  if (environment[startedHere] !== undefined) return "--processes";
  if (environment.TORCHELASTIC_RUN_ID !== undefined) return "torchrun";
  return environment.RANK === undefined ? "Kubernetes" : "the environment";
}

/** Kubeflow's TrainJob speaks to torchrun (PET_*); a pod that starts Selfsight itself is one process for each node. */
function fromTrainJob(environment: Environment): Launch | undefined {
  if (environment.PET_NNODES === undefined) return undefined;
  const size = numberOf(environment, "PET_NNODES");
  if (size === 1) return undefined;
  const perNode = environment.PET_NPROC_PER_NODE;
  if (Number(perNode) > 1)
    throw wrong(
      `PET_NPROC_PER_NODE ${perNode}`,
      "one process for each pod is what Selfsight starts by itself; set numProcPerNode to 1, or start it by torchrun --no-python",
    );
  const rank = numberOf(environment, "PET_NODE_RANK");
  const host = textOf(environment, "PET_MASTER_ADDR");
  const port = environment.PET_MASTER_PORT === undefined ? usualPort : numberOf(environment, "PET_MASTER_PORT");
  return { by: "Kubernetes", rank, size, localRank: 0, host, port, keepsMeeting: rank === 0, prefix: "selfsight-0" };
}

/** `srun`; a batch script without srun is told of as many tasks and is alone. */
function fromSlurm(environment: Environment): Launch | undefined {
  const nodes = environment.SLURM_STEP_NODELIST ?? environment.SLURM_JOB_NODELIST;
  const isStep = environment.SLURM_STEP_NODELIST !== undefined || environment.SLURM_STEP_NUM_TASKS !== undefined;
  if (environment.SLURM_PROCID === undefined || !isStep) return undefined;
  const sizeName = environment.SLURM_STEP_NUM_TASKS === undefined ? "SLURM_NTASKS" : "SLURM_STEP_NUM_TASKS";
  const rank = numberOf(environment, "SLURM_PROCID");
  return {
    by: "Slurm",
    rank,
    size: numberOf(environment, sizeName),
    localRank: environment.SLURM_LOCALID === undefined ? 0 : numberOf(environment, "SLURM_LOCALID"),
    host: environment.MASTER_ADDR ?? firstNode(nodes ?? "localhost"),
    port: environment.MASTER_PORT === undefined ? portOfJob(environment) : numberOf(environment, "MASTER_PORT"),
    keepsMeeting: rank === 0,
    prefix: `selfsight-${environment.SLURM_RESTART_COUNT ?? "0"}`,
  };
}

/** The first of `node[03-05,09],other`: a list of ranges, as Slurm writes it. */
export const firstNode = (nodes: string): string =>
  nodes.replace(/^([^[,]*)\[([^\],-]+)[^\]]*\]([^,]*).*$/, "$1$2$3").split(",")[0]!;

/** Two jobs on one machine do not meet. */
const portOfJob = ({ SLURM_JOB_ID: job = "0", SLURM_STEP_ID: step = "0" }: Environment): number =>
  20000 + ((Number(job) * 7 + Number(step)) % 10000);

function numberOf(environment: Environment, name: string): number {
  const text = textOf(environment, name);
  if (/^\d+$/.test(text)) return Number(text);
  throw wrong(`${name} is ${text}`, "a whole number is needed; correct it");
}

function textOf(environment: Environment, name: string): string {
  const text = environment[name];
  if (text !== undefined && text !== "") return text;
  throw wrong(
    `${name} is not set`,
    "RANK, WORLD_SIZE and MASTER_ADDR belong together; set all of them, or none for one process",
  );
}

const wrong = (given: string, needed: string): SelfsightError =>
  new SelfsightError("configuration", `several processes: ${given} in the environment; ${needed}`);
