import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { RunList, RunListChange, RunSummary, ServerFacts } from "../../../src/serve/answers.ts";
import { get, listen } from "./ask.ts";

/** All runs, the last changed first; undefined until they are known. */
export const runs = signal<readonly RunSummary[] | undefined>(undefined);
export const isCut = signal(false);
export const facts = signal<ServerFacts | undefined>(undefined);
export const problem = signal("");

/** What the server is, once. */
export function fetchFacts(): void {
  get<ServerFacts>("/api/server").then((answer) => {
    facts.value = answer;
  }, noteProblem);
}

/** While a page that shows it is open, `runs` is what the server's folder holds. */
export function useRuns(): void {
  useEffect(() => {
    void fetchRuns();
    return listen(
      () => "/api/live",
      { runs: take },
      () => void fetchRuns(),
    ); // heard first, fetched then: nothing falls between
  }, []);
}

/** Fetches all of them. */
export async function fetchRuns(): Promise<void> {
  try {
    const list = await get<RunList>("/api/runs");
    runs.value = list.runs;
    isCut.value = list.isCut;
    problem.value = "";
  } catch (error) {
    noteProblem(error);
  }
}

function noteProblem(error: unknown): void {
  problem.value = (error as Error).message;
}

function take({ changed, ids }: RunListChange): void {
  const known = new Map((runs.value ?? []).map((run) => [run.id, run]));
  for (const run of changed) known.set(run.id, run);
  const order = ids ?? (runs.value ?? []).map(({ id }) => id);
  runs.value = order.flatMap((id) => known.get(id) ?? []);
}
