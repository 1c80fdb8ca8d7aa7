// Any number of runs side by side: one axis for their curves, one table for what differs in their settings.
import { useEffect, useState } from "preact/hooks";
import type { RunDetails, SeriesAnswer } from "../../../src/serve/answers.ts";
import { Chart } from "../parts/chart.tsx";
import { percent, shown } from "../parts/numbers.ts";
import { settingsNow, typed } from "../parts/settings.ts";
import { Empty, LightSign, Problem, StateSign } from "../parts/words.tsx";
import { get } from "../server/ask.ts";

export interface ComparedRun {
  details: RunDetails;
  series: SeriesAnswer;
}

const lookEveryMs = 2000;

/** Runs fetched together, and again every two seconds while one of them trains: browsers hold few streams at a time. */
export function useComparedRuns(ids: readonly string[]): { runs: readonly ComparedRun[]; problem: string } {
  const [found, setFound] = useState<{ runs: readonly ComparedRun[]; problem: string }>({ runs: [], problem: "" });
  useEffect(() => {
    let timer = 0;
    let isClosed = false;
    const look = async () => {
      try {
        const runs = await Promise.all(ids.map(fetchRun));
        if (!isClosed) setFound({ runs, problem: "" });
        const goesOn = runs.some(({ details }) => details.summary.state === "training");
        if (!isClosed) timer = setTimeout(look, goesOn && !document.hidden ? lookEveryMs : 5 * lookEveryMs);
      } catch (error) {
        if (!isClosed) setFound({ runs: [], problem: (error as Error).message });
      }
    };
    void look();
    return () => {
      isClosed = true;
      clearTimeout(timer);
    };
  }, [ids.join()]);
  return found;
}

const fetchRun = async (id: string): Promise<ComparedRun> => {
  const [details, series] = await Promise.all([
    get<RunDetails>(`/api/run/${id}`),
    get<SeriesAnswer>(`/api/run/${id}/series`),
  ]);
  return { details, series };
};

const figures = [
  ["loss", "Loss", "Losses of different methods are not alike: compare their course, not their height."],
  ["featureStd", "Feature std", "1: evenly spread; 0: collapse."],
  ["effectiveRank", "Effective rank", "Directions in use."],
  ["learningRate", "Learning rate", ""],
  ["imagesPerSecond", "Images a second", ""],
  ["dataWaitShare", "Share of the time that waits for pictures", ""],
] as const;

export function ComparePage({ ids }: { ids: readonly string[] }) {
  const { runs, problem } = useComparedRuns(ids);
  return (
    <>
      <h1>Compare</h1>
      <Problem text={problem} />
      {ids.length < 2 && <Empty>Choose two runs or more in the list of runs.</Empty>}
      <Heads runs={runs} />
      <div class="columns">
        {runs.length > 0 &&
          figures.map(([name, title, note]) => (
            <Overlay key={name} name={name} title={title} note={note} runs={runs} />
          ))}
      </div>
      {runs.length > 0 && <Differences runs={runs} />}
    </>
  );
}

const Heads = ({ runs }: { runs: readonly ComparedRun[] }) => (
  <div class="scroll">
    <table>
      <tbody>
        {runs.map(({ details: { summary } }) => (
          <tr key={summary.id}>
            <td class="name">
              <a href={`#/run/${summary.id}`}>{summary.name}</a>
            </td>
            <td>{summary.method}</td>
            <td>
              <StateSign state={summary.state} />
            </td>
            <td>
              <LightSign light={summary.light} />
            </td>
            <td class="number">step {summary.step}</td>
            <td class="number">loss {shown(summary.loss)}</td>
            <td class="number">kNN {percent(summary.accuracy)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

/** One figure of all runs over the steps that any of them has. */
function Overlay({
  name,
  title,
  note,
  runs,
}: {
  name: string;
  title: string;
  note: string;
  runs: readonly ComparedRun[];
}) {
  const own = runs.filter(({ series }) => series.figures[name]);
  if (own.length === 0) return null;
  const steps = [...new Set(own.flatMap(({ series }) => series.steps))].sort((a, b) => a - b);
  const places = new Map(steps.map((step, i) => [step, i]));
  const lines = own.map(({ details, series }) => {
    const values: (number | null)[] = steps.map(() => null);
    for (const [i, step] of series.steps.entries()) values[places.get(step)!] = series.figures[name]!.mean[i] ?? null;
    return { label: details.summary.name, values };
  });
  return <Chart title={title} steps={steps} lines={lines} note={note} />;
}

function Differences({ runs }: { runs: readonly ComparedRun[] }) {
  const settings = runs.map(({ details }) => settingsNow(details.settings, details.changes));
  const keys = [...new Set(settings.flatMap(Object.keys))];
  const differ = keys.filter((key) => new Set(settings.map((own) => JSON.stringify(own[key]))).size > 1);
  return (
    <>
      <h2>Settings that differ</h2>
      {differ.length === 0 && <Empty>None: they differ in nothing but the time.</Empty>}
      {differ.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>setting</th>
                {runs.map(({ details: { summary } }) => (
                  <th key={summary.id}>{summary.name}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {differ.map((key) => (
                <tr key={key}>
                  <td>{key}</td>
                  {settings.map((own, i) => (
                    <td key={runs[i]!.details.summary.id} class="name">
                      {key in own ? typed(own[key]) : "–"}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
