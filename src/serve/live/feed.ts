// What is told to those who listen: the list of runs as it changes, and of each run what its log got since.
import type { ServerResponse } from "node:http";
import type { RunList, RunListChange } from "../answers.ts";
import type { FoundRun } from "../folder/find-runs.ts";
import { observationsStamp } from "../folder/observations.ts";
import { withFile } from "../folder/open-inside.ts";
import type { Registry } from "../folder/registry.ts";
import { summaryOf } from "../folder/summary.ts";
import { eventsBetween } from "../log/lines.ts";
import { placeName } from "../log/run-log.ts";
import { type Clients, liveClients, messageOf } from "./clients.ts";

export interface Feed {
  listenToRuns(response: ServerResponse): Promise<boolean>;
  /** `place`: up to where the listener knows the log. */
  listenToRun(run: FoundRun, place: string | undefined, response: ServerResponse): Promise<boolean>;
  readonly clients: Clients;
  close(): void;
}

/** From one look at the files to the next. */
const lookEveryMs = 500;
/** A listener that is further behind fetches the whole anew. */
const mostBytesBehind = 1 << 19;

/** Looks at files only while somebody listens. */
export function liveFeed(runs: Registry): Feed {
  const clients = liveClients();
  const told = new Map<string, string>();
  let isLooking = false;

  async function look(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    try {
      for (const topic of clients.topics()) await tell(topic);
    } finally {
      isLooking = false;
    }
  }
  const timer = setInterval(() => void look().catch(() => {}), lookEveryMs).unref();

  const tell = (topic: string) => (topic === "runs" ? tellRuns() : tellRun(topic));

  async function tellRuns(): Promise<void> {
    const changed = changedSince(told, await runs.list());
    if (changed) clients.send("runs", messageOf("runs", changed));
  }

  async function tellRun(id: string): Promise<void> {
    const run = await runs.find(id);
    if (!run) return;
    const log = await runs.log(run);
    const before = told.get(id);
    told.set(id, log.place);
    if (before !== undefined && before !== log.place) clients.send(id, messageBetween(run.folder, before, log.place));
    const summary = JSON.stringify(summaryOf(run));
    if (told.get(`${id} summary`) !== summary) clients.send(id, messageOf("summary", JSON.parse(summary)));
    told.set(`${id} summary`, summary);
    const stamp = observationsStamp(run.folder);
    if (told.get(`${id} observations`) !== stamp) clients.send(id, messageOf("observations", { stamp }));
    told.set(`${id} observations`, stamp);
  }

  return {
    clients,
    async listenToRuns(response) {
      return clients.add("runs", response);
    },
    async listenToRun(run, place, response) {
      const log = await runs.log(run);
      const before = told.get(run.id);
      if (before !== undefined && before !== log.place)
        clients.send(run.id, messageBetween(run.folder, before, log.place));
      told.set(run.id, log.place);
      const isBehind = place !== undefined && place !== log.place;
      return clients.add(run.id, response, isBehind ? messageBetween(run.folder, place, log.place) : "");
    },
    close() {
      clearInterval(timer);
      clients.closeAll();
    },
  };
}

/** The events between two places of a log, or, where that cannot be said, that all is to be fetched anew. */
function messageBetween(folder: string, before: string, now: string): string {
  const [[inode, from], [newInode, to]] = [before, now].map((place) => place.split("-").map(Number)) as [
    [number, number],
    [number, number],
  ];
  if (inode !== newInode || !(from! >= 0) || from! > to! || to! - from! > mostBytesBehind)
    return messageOf("anew", {}, now);
  const events = withFile(folder, "log.jsonl", ({ file }) => eventsBetween(file, from!, to!)) ?? [];
  return messageOf("log", { events }, placeName(newInode!, to!));
}

/** The summaries that differ from what was told, and the ids that there are; undefined where nothing changed. */
function changedSince(told: Map<string, string>, { runs, isCut }: RunList): RunListChange | undefined {
  const changed = runs.filter((run) => {
    const text = JSON.stringify(run);
    const isNew = told.get(`runs ${run.id}`) !== text;
    told.set(`runs ${run.id}`, text);
    return isNew;
  });
  const ids = runs.map(({ id }) => id);
  const isSame = told.get("runs") === ids.join();
  told.set("runs", ids.join());
  return changed.length === 0 && isSame ? undefined : { changed, ids: isSame ? null : ids, isCut };
}
