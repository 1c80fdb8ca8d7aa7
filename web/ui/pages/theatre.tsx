// Collapse theatre: each method with its guard and without, side by side while they train. Folders of `compare` are shown the same way.
import { useEffect, useState } from "preact/hooks";
import type { ObservationsAnswer, ObservedStep } from "../../../src/serve/answers.ts";
import { Chart } from "../parts/chart.tsx";
import { Matrix } from "../parts/matrix.tsx";
import { percent, shown } from "../parts/numbers.ts";
import { Empty, LightSign, Problem, StateSign } from "../parts/words.tsx";
import { get } from "../server/ask.ts";
import { runs, useRuns } from "../server/run-list.ts";
import { type ComparedRun, useComparedRuns } from "./compare.tsx";

/** What a setting takes off. */
const guards: readonly (readonly [key: string, off: unknown, name: string])[] = [
  ["terms", "invariance", "redundancy term"],
  ["negatives", false, "negatives"],
  ["predictor", "none", "predictor"],
  ["sinkhorn", false, "Sinkhorn’s equal use"],
  ["stopGradient", false, "stop-gradient"],
  ["variance", 0, "variance term"],
];

/** The guard that a run lacks, or undefined: it is whole. */
const missingGuard = ({ details: { settings } }: ComparedRun): string | undefined =>
  guards.find(([key, off]) => settings?.[key] === off)?.[2];

const parentOf = (name: string): string => name.replace(/\/?[^/]*$/, "") || ".";
const mostRuns = 28;

export function TheatrePage() {
  useRuns();
  const [wanted, setWanted] = useState<string | undefined>(undefined);
  const all = runs.value ?? [];
  const counts = new Map<string, number>();
  for (const { name } of all) counts.set(parentOf(name), (counts.get(parentOf(name)) ?? 0) + 1);
  const folders = [...counts].filter(([, count]) => count > 1).map(([name]) => name);
  const folder = wanted ?? folders.find((name) => /collapse/.test(name)) ?? folders[0];
  const ids = all
    .filter(({ name }) => parentOf(name) === folder)
    .map(({ id }) => id)
    .sort()
    .slice(0, mostRuns);
  return (
    <>
      <h1>Collapse theatre</h1>
      <p class="soft">
        A network that gives every picture the same answer agrees with itself perfectly. Each method guards against that
        in its own way; here it stands beside itself with the guard taken off. Fill a folder with: npx selfsight
        collapse --out runs/collapse
      </p>
      {folders.length > 1 && (
        <div class="field">
          <label>
            Folder
            <select value={folder} onChange={(event) => setWanted(event.currentTarget.value)}>
              {folders.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        </div>
      )}
      {folder === undefined ? <Empty>No folder has two runs yet.</Empty> : <Stage key={folder} ids={ids} />}
    </>
  );
}

function Stage({ ids }: { ids: readonly string[] }) {
  const { runs: compared, problem } = useComparedRuns(ids);
  const methods = [...new Set(compared.map(({ details }) => details.summary.method ?? "?"))].sort();
  return (
    <>
      <Problem text={problem} />
      {methods.map((method) => (
        <Pair
          key={method}
          method={method}
          runs={compared.filter(({ details }) => (details.summary.method ?? "?") === method)}
        />
      ))}
    </>
  );
}

function Pair({ method, runs: own }: { method: string; runs: readonly ComparedRun[] }) {
  const ordered = [...own].sort(
    (a, b) => Number(missingGuard(a) !== undefined) - Number(missingGuard(b) !== undefined),
  );
  const titleOf = (run: ComparedRun) => {
    const guard = missingGuard(run);
    const seed = own.length > 2 ? `, seed ${String(run.details.settings?.seed)}` : "";
    return `${guard ? `without ${guard}` : "whole"}${seed}`;
  };
  return (
    <section>
      <h2>{method}</h2>
      <div class="columns">
        {ordered.map((run) => (
          <Actor key={run.details.summary.id} run={run} title={titleOf(run)} />
        ))}
        <Overlay
          runs={ordered}
          titleOf={titleOf}
          name="featureStd"
          title="Feature std"
          note="1: evenly spread; 0: every picture gets one answer."
        />
        <Overlay
          runs={ordered}
          titleOf={titleOf}
          name="effectiveRank"
          title="Effective rank"
          note="Directions in use."
        />
      </div>
    </section>
  );
}

function Actor({ run: { details }, title }: { run: ComparedRun; title: string }) {
  const { summary } = details;
  const observed = useLastObservation(summary.id, summary.step);
  return (
    <figure>
      <h3>
        <a href={`#/run/${summary.id}`}>{title}</a>
      </h3>
      <p class="row">
        <LightSign light={summary.light} /> <StateSign state={summary.state} />
        <span class="soft">
          step {summary.step}, kNN {percent(summary.accuracy)}
        </span>
      </p>
      {observed?.matrix && (
        <Matrix observed={observed} label={`Correlation matrix of ${title} at step ${observed.step}`} />
      )}
      {observed && (
        <figcaption>
          {summary.light.reason}; step {observed.step}: diagonal {shown(observed.meanDiagonal)}, the rest{" "}
          {shown(observed.rmsOffDiagonal)}
        </figcaption>
      )}
    </figure>
  );
}

function useLastObservation(id: string, step: number): ObservedStep | undefined {
  const [observed, setObserved] = useState<ObservedStep | undefined>(undefined);
  useEffect(() => {
    let isClosed = false;
    get<ObservationsAnswer>(`/api/run/${id}/observations?after=${observed?.step ?? -1}`).then(
      ({ steps }) => !isClosed && steps.length > 0 && setObserved(steps.at(-1)),
      () => {},
    );
    return () => {
      isClosed = true;
    };
  }, [id, step]);
  return observed;
}

interface OverlayProps {
  runs: readonly ComparedRun[];
  titleOf: (run: ComparedRun) => string;
  name: string;
  title: string;
  note: string;
}

function Overlay({ runs: own, titleOf, name, title, note }: OverlayProps) {
  const known = own.filter(({ series }) => series.figures[name]);
  if (known.length === 0) return null;
  const steps = [...new Set(known.flatMap(({ series }) => series.steps))].sort((a, b) => a - b);
  const lines = known.map((run) => {
    const values = new Map(run.series.steps.map((step, i) => [step, run.series.figures[name]!.mean[i] ?? null]));
    return { label: titleOf(run), values: steps.map((step) => values.get(step) ?? null) };
  });
  return <Chart title={title} steps={steps} lines={lines} note={note} />;
}
