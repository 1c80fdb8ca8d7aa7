// What the processes of a run share beside its steps: the first state, the batches' rows, the wish to stop.
import type { Share } from "../data/index.ts";
import type { Team } from "../distributed/index.ts";
import { displayName, SelfsightError } from "../errors.ts";
import { stateOf } from "../nn/index.ts";
import { rowsOfRank, takeFrom } from "../torch/index.ts";
import { openTrainingData, type PreparedRun, placeOf } from "./run/start.ts";
import type { Session } from "./session.ts";
import type { Settings } from "./settings/settings.ts";
import { optimizerState, type TrainState } from "./state.ts";
import type { ChangeRecord } from "./steer/changes.ts";

/** What the others are told of a run that the leader has prepared. */
interface Told {
  folder: string;
  settings: Settings;
  data: string;
  fingerprint: string;
}

/**
 * The leader prepares the run; the others take its settings and open the same pictures, each by itself.
 * Errors: data, when they are other pictures there.
 */
export async function preparedByLeader(team: Team, prepare: () => Promise<PreparedRun>): Promise<PreparedRun> {
  let run: PreparedRun | undefined;
  const told = await team.byLeader(async (): Promise<Told> => {
    run = await prepare();
    const { folder, settings, dataset } = run;
    return { folder, settings, data: placeOf(dataset), fingerprint: dataset.fingerprint };
  });
  run ??= await openAsTold(told, team.rank);
  team.sum(0); // whoever could not open the pictures says so now
  return run;
}

async function openAsTold({ folder, settings, data, fingerprint }: Told, rank: number): Promise<PreparedRun> {
  const { dataset, heldOut } = await openTrainingData(data, settings, () => {});
  if (dataset.fingerprint === fingerprint) return { folder, settings, dataset, ...(heldOut && { heldOut }) };
  throw new SelfsightError(
    "data",
    `process ${rank}: the pictures of ${displayName(data)} are other ones here than in process 0 (${dataset.length} images; fingerprint ${dataset.fingerprint.slice(0, 12)}, there ${fingerprint.slice(0, 12)}); every process reads the same pictures; put the same files there`,
  );
}

/** A file that one process found bad is bad for all; a resumed run knows those of before. */
export async function takeLeadersQuarantine({ team, quarantine }: Session): Promise<void> {
  for (const index of (await team?.byLeader(() => [...quarantine])) ?? []) quarantine.add(index);
}

/** Every process begins with the leader's weights and counts, wherever they came from; only the leader needs the run's folder. */
export async function takeLeadersState(state: TrainState, { group, byLeader }: Team): Promise<void> {
  const { optimizer } = state;
  const counts = await byLeader(() => ({ step: state.step, updates: optimizer.counters.updates }));
  state.step = counts.step;
  optimizer.counters.updates = counts.updates;
  takeFrom(0, [...stateOf(state.network).values(), ...optimizerState(state).values()], group);
}

/** The rows of each batch that this process reads. */
export function shareOf({ team, settings }: Pick<Session, "team" | "settings">): Share | undefined {
  return team && { ...rowsOfRank(settings.batchSize, team), union: team.union };
}

/** What the leader reads of the run's past changes: only it needs the run's folder. */
export const leadersChanges = async (
  { team }: Pick<Session, "team">,
  own: readonly ChangeRecord[],
): Promise<readonly ChangeRecord[]> => (team ? await team.byLeader(() => own) : own);
