// What the processes of a detector agree on beside its steps: who leads, on which pictures, from which state.
import type { Team } from "../../../distributed/index.ts";
import { SelfsightError } from "../../../errors.ts";
import { otherPictures } from "../../../evaluate/index.ts";
import { type Network, stateOf } from "../../../nn/index.ts";
import { openNccl, processGroup, setProcessGroup, takeFrom } from "../../../torch/index.ts";
import type { DetectorFile } from "../run-file.ts";
import type { DetectionSets } from "../sets.ts";
import type { DetectorState } from "../state.ts";

/** Errors: configuration. */
export function refuseManyProcesses(
  task: DetectorFile["task"],
  { batchSize }: Pick<DetectorFile["settings"], "batchSize">,
  team: Team | undefined,
): void {
  if (team === undefined || batchSize >= team.size) return;
  throw new SelfsightError(
    "configuration",
    `evaluate ${task}: a batch of ${batchSize} for ${team.size} processes; each needs a picture at least; raise batchSize, or use fewer processes`,
  );
}

/** Each process has opened the pictures by itself. Errors: data, when they are other ones than the leader's. */
export async function refuseOtherPictures(team: Team | undefined, { train, test }: DetectionSets): Promise<void> {
  if (!team) return;
  const own = [train.fingerprint, test.fingerprint];
  const leaders = await team.byLeader(() => own);
  if (own.some((fingerprint, i) => fingerprint !== leaders[i])) throw otherPictures(train);
  team.sum(0); // whoever has other ones says so now, before anything is made
}

/** While `body` runs, steps are those of these processes, or of this one alone. */
export async function withSteps<T>(team: Team | undefined, body: () => Promise<T>): Promise<T> {
  const before = processGroup();
  setProcessGroup(team?.group);
  try {
    return await body();
  } finally {
    setProcessGroup(before);
  }
}

/** Every process begins with the leader's weights and counts; only the leader needs the folder. */
export async function takeLeadersState(state: DetectorState, { group, byLeader }: Team): Promise<void> {
  const { network, optimizer } = state;
  openNccl(group, state.device);
  const counts = await byLeader(() => ({ step: state.step, updates: optimizer.counters.updates }));
  state.step = counts.step;
  optimizer.counters.updates = counts.updates;
  takeFrom(0, [...stateOf(network).values(), ...optimizer.state().values()], group);
}

/** Every process uses the leader's network. */
export const takeLeadersNetwork = (network: Network, { group }: Team): void =>
  takeFrom(0, stateOf(network).values(), group);
