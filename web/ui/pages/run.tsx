// One run: its objective, its pictures, what steers it, and its record.
import { useEffect, useState } from "preact/hooks";
import type { RunDetails, RunSummary } from "../../../src/serve/answers.ts";
import { age, percent } from "../parts/numbers.ts";
import { LightSign, Problem, StateSign } from "../parts/words.tsx";
import { exported } from "../server/ask.ts";
import { type WatchedRun, watchRun } from "../server/run.ts";
import { facts } from "../server/run-list.ts";
import { Alarms } from "./run/alarms.tsx";
import { Objective } from "./run/objective.tsx";
import { Pictures } from "./run/pictures.tsx";
import { Record } from "./run/record.tsx";
import { Steering } from "./run/steering.tsx";

const tabs = [
  ["", "Objective"],
  ["pictures", "Pictures"],
  ["steer", "Steer"],
  ["record", "Record"],
] as const;

/** Follows a run for as long as its page is open. */
export function useRun(id: string): WatchedRun | undefined {
  const [run, setRun] = useState<WatchedRun | undefined>(undefined);
  useEffect(() => {
    const own = watchRun(id);
    setRun(own);
    return own.close;
  }, [id]);
  return run;
}

export function RunPage({ id, tab }: { id: string; tab: string }) {
  const run = useRun(id);
  const details = run?.details.value;
  const canSteer = facts.value?.canAct === true && details?.summary.isOwn === true && !exported;
  return (
    <>
      {details ? (
        <Head details={details} live={run!.summary.value} lastStep={run!.figures.value?.steps.at(-1)} />
      ) : (
        <h1>Run</h1>
      )}
      <Problem text={run?.problem.value ?? ""} />
      {details && <Alarms run={run!} details={details} canSteer={canSteer} />}
      <nav class="tabs" aria-label="Parts of this run">
        {tabs
          .filter(([name]) => name !== "steer" || canSteer)
          .map(([name, title]) => (
            <a key={name} href={`#/run/${id}${name && `/${name}`}`} aria-current={tab === name ? "page" : undefined}>
              {title}
            </a>
          ))}
      </nav>
      {run && details && contentOf(tab, run, details)}
    </>
  );
}

function contentOf(tab: string, run: WatchedRun, details: RunDetails) {
  if (tab === "pictures") return <Pictures run={run} details={details} />;
  if (tab === "steer") return <Steering run={run} details={details} />;
  if (tab === "record") return <Record details={details} />;
  return <Objective run={run} details={details} />;
}

interface HeadProps {
  details: RunDetails;
  live: RunSummary | undefined;
  lastStep: number | undefined;
}

function Head({ details, live = details.summary, lastStep = 0 }: HeadProps) {
  const { name, state, light, method, data, totalSteps, accuracy, protocol, changed, owner } = live;
  const step = Math.max(live.step, lastStep);
  return (
    <>
      <h1>{name}</h1>
      <dl class="facts">
        <Fact name="state">
          <StateSign state={state} />
        </Fact>
        <Fact name="health">
          <LightSign light={light} />
        </Fact>
        <Fact name="method">{method ?? "–"}</Fact>
        <Fact name="data">{data ?? "–"}</Fact>
        <Fact name="step">
          {step}
          {totalSteps === null ? "" : ` of ${totalSteps}`}
        </Fact>
        <Fact name="kNN">
          <span title={protocol ?? ""}>{percent(accuracy)}</span>
        </Fact>
        <Fact name="changed">{age(changed)}</Fact>
        {owner && <Fact name="trained by">{owner}</Fact>}
        {details.isSampled && <Fact name="log">very long: evenly spaced parts of it are shown</Fact>}
      </dl>
    </>
  );
}

const Fact = ({ name, children }: { name: string; children: preact.ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);
