// A run as it grows: its words, its figures step by step, its pictures.
import { type Signal, signal } from "@preact/signals";
import type {
  BinnedFigure,
  LoggedEvent,
  Observations,
  ObservationsAnswer,
  RunDetails,
  RunSummary,
  SeriesAnswer,
} from "../../../src/serve/answers.ts";
import { get, listen } from "./ask.ts";

/** A run's figures, some of them binned. */
export interface Figures {
  steps: number[];
  figures: Record<string, BinnedFigure>;
}

export interface WatchedRun {
  readonly id: string;
  readonly details: Signal<RunDetails | undefined>;
  readonly summary: Signal<RunSummary | undefined>;
  readonly figures: Signal<Figures | undefined>;
  readonly observations: Signal<Observations | undefined>;
  /** Why something cannot be shown; empty: all is well. */
  readonly problem: Signal<string>;
  close(): void;
}

/** Beyond so many single steps behind the bins the whole is fetched anew. */
const mostSingleSteps = 600;

/** Follows a run until it is closed. */
export function watchRun(id: string): WatchedRun {
  const run = {
    id,
    details: signal<RunDetails | undefined>(undefined),
    summary: signal<RunSummary | undefined>(undefined),
    figures: signal<Figures | undefined>(undefined),
    observations: signal<Observations | undefined>(undefined),
    problem: signal(""),
  };
  let stopListening = () => {};
  let isClosed = false;
  let singleSteps = 0;

  const orProblem = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      run.problem.value = (error as Error).message;
    }
  };
  const fetchDetails = () =>
    orProblem(async () => {
      run.details.value = await get<RunDetails>(`/api/run/${id}`);
      run.summary.value = run.details.value.summary;
    });
  const fetchObservations = () =>
    orProblem(async () => {
      const after = run.observations.value?.steps.at(-1)?.step ?? -1;
      const answer = await get<ObservationsAnswer>(`/api/run/${id}/observations?after=${after}`);
      run.observations.value = merged(run.observations.value, answer);
    });
  const fetchFigures = async (): Promise<string> => {
    const { place, steps, figures } = await get<SeriesAnswer>(`/api/run/${id}/series`);
    run.figures.value = { steps, figures };
    singleSteps = 0;
    return place;
  };
  const takeEvents = ({ events }: { events: LoggedEvent[] }) => {
    const steps = events.filter(({ event }) => event === "step");
    singleSteps += steps.length;
    const goesBack = events.some(
      ({ event, step }) => event === "start" && step < (run.figures.value?.steps.at(-1) ?? 0),
    );
    if (goesBack || singleSteps > mostSingleSteps) void orProblem(async () => void (await fetchFigures()));
    else if (run.figures.value) run.figures.value = appended(run.figures.value, steps);
    if (events.length > steps.length) fetchDetailsSoon();
  };
  let isSoon = false;
  const fetchDetailsSoon = () => {
    if (isSoon) return;
    isSoon = true;
    setTimeout(() => {
      isSoon = false;
      if (!isClosed) void fetchDetails();
    }, 700);
  };

  void fetchDetails();
  void fetchObservations();
  void orProblem(async () => {
    const place = await fetchFigures();
    if (isClosed) return;
    stopListening = listen((lastId) => `/api/run/${id}/live?place=${lastId ?? place}`, {
      summary: (summary: RunSummary) => {
        run.summary.value = summary;
      },
      log: takeEvents,
      anew: () => void orProblem(async () => void (await fetchFigures())),
      observations: () => void fetchObservations(),
    });
  });
  return {
    ...run,
    close() {
      isClosed = true;
      stopListening();
    },
  };
}

/** What was known and is still kept, then what is new. */
function merged(before: Observations | undefined, { kept, ...answer }: ObservationsAnswer): Observations {
  const stays = <Line extends { step: number }>(
    lines: readonly Line[],
    own: readonly number[],
    fresh: readonly Line[],
  ) => {
    const isKept = new Set(own);
    const isFresh = new Set(fresh.map(({ step }) => step));
    return [...lines.filter(({ step }) => isKept.has(step) && !isFresh.has(step)), ...fresh];
  };
  return {
    ...answer,
    steps: stays(before?.steps ?? [], kept.steps, answer.steps),
    map: stays(before?.map ?? [], kept.map, answer.map),
  };
}

/** Steps behind those that are there; what was sent twice counts once. */
function appended({ steps, figures }: Figures, events: readonly LoggedEvent[]): Figures {
  const last = steps.at(-1) ?? -1;
  const fresh = events.filter(({ step }) => step > last);
  if (fresh.length === 0) return { steps, figures };
  const names = new Set([...Object.keys(figures), ...fresh.flatMap((event) => numbersIn(event).map(([name]) => name))]);
  const grown = [...names].map((name) => {
    const before: BinnedFigure = figures[name] ?? { mean: steps.map(() => null) };
    const values = fresh.map((event) => numbersIn(event).find(([own]) => own === name)?.[1] ?? null);
    const more = (list: (number | null)[]) => [...list, ...values];
    const { mean, low, high } = before;
    return [name, low && high ? { mean: more(mean), low: more(low), high: more(high) } : { mean: more(mean) }] as const;
  });
  return { steps: [...steps, ...fresh.map(({ step }) => step)], figures: Object.fromEntries(grown) };
}

/** As the server names them: those one level deeper by two names with a point between. */
const numbersIn = (event: LoggedEvent): [string, number][] =>
  Object.entries(event).flatMap(([name, value]): [string, number][] => {
    if (name === "step") return [];
    if (typeof value === "number") return [[name, value]];
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([part, inner]): [string, number][] =>
      typeof inner === "number" ? [[`${name}.${part}`, inner]] : [],
    );
  });
