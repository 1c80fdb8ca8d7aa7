// What a run that is steered knows of it: where requests come from, and what its own past has in store.
import { userInfo } from "node:os";
import { leads, type Team } from "../../distributed/index.ts";
import type { LogEvent } from "../run/log.ts";
import { type ChangeRecord, standing } from "./changes.ts";
import { closedInbox, type Inbox, openInbox } from "./inbox.ts";

export interface Steering {
  inbox: Inbox;
  /** Changes whose step has not come yet, the next one first. */
  ahead: ChangeRecord[];
  /** Ids of requests that changes.jsonl has: a crash may have left them in control/. */
  known: ReadonlySet<string>;
  /** Ids of acts that the log has of steps that stand. */
  logged: ReadonlySet<string>;
  /** The user who trains, whose requests alone are taken. */
  who: string;
}

export interface SteeringOptions {
  folder: string;
  team?: Team | undefined;
  /** Those of the run's past. */
  changes: readonly ChangeRecord[];
  /** The run's log before it begins, or goes on, at `step`. */
  events: readonly LogEvent[];
  step: number;
  everyMilliseconds?: number | undefined;
  onProblem: (message: string) => void;
}

/** Requests are taken by the leader of a run; the changes of its past are known to all its processes. */
export function openSteering({
  folder,
  team,
  changes,
  events,
  step,
  everyMilliseconds,
  onProblem,
}: SteeringOptions): Steering {
  const options = { onProblem, ...(everyMilliseconds !== undefined && { everyMilliseconds }) };
  const acts = events.flatMap((event) => (event.event === "act" && event.step <= step ? [event.request] : []));
  return {
    inbox: leads(team) ? openInbox(folder, options) : closedInbox,
    ahead: [...changes],
    known: new Set(changes.map(({ request }) => request)),
    logged: new Set(acts),
    who: userName(),
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? ""}`.trim(); // a container's user may have no name
  }
}

/** What is still ahead behind a change at `step`: a later change of the same key is void. */
export const aheadOf = (ahead: readonly ChangeRecord[], record: ChangeRecord): ChangeRecord[] =>
  standing([...ahead, record]).filter(({ step }) => step > record.step);
