// Alarms with their evidence, and the fork that would mend them.
import type { LoggedEvent, RunDetails } from "../../../../src/serve/answers.ts";
import { Chart } from "../../parts/chart.tsx";
import { shown } from "../../parts/numbers.ts";
import { asText } from "../../parts/words.tsx";
import type { WatchedRun } from "../../server/run.ts";
import { proposed } from "./fork-form.tsx";

interface Alarm {
  kind?: string;
  evidence?: Record<string, unknown>;
  proposal?: { settings?: Record<string, unknown>; from?: number | null; why?: string };
}

interface AlarmsProps {
  run: WatchedRun;
  details: RunDetails;
  canSteer: boolean;
}

const mostShown = 3;

/** The last alarms, the newest first. */
export function Alarms({ run, details, canSteer }: AlarmsProps) {
  const alarms = [...details.alarms].reverse();
  return (
    <>
      {alarms.slice(0, mostShown).map((event) => (
        <AlarmBox key={`${event.step} ${event.message}`} event={event} run={run} canSteer={canSteer} />
      ))}
      {alarms.length > mostShown && <p class="soft">{alarms.length - mostShown} earlier alarms stand in the record.</p>}
    </>
  );
}

function AlarmBox({ event, run, canSteer }: { event: LoggedEvent; run: WatchedRun; canSteer: boolean }) {
  const { kind = "collapse", evidence = {}, proposal } = (event.alarm ?? {}) as Alarm;
  const fork = () => {
    proposed.value = { settings: proposal?.settings ?? {}, from: proposal?.from ?? null };
    location.hash = `/run/${run.id}/steer`;
  };
  return (
    <section class="alarm" role="alert">
      <h3>
        ✕ {kind}, step {event.step}
      </h3>
      <p>{asText(event.message)}</p>
      {Object.keys(evidence).length > 0 && (
        <dl class="facts">
          {Object.entries(evidence).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{typeof value === "number" ? shown(value) : asText(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      <Evidence run={run} names={Object.keys(evidence)} />
      {proposal && (
        <p>
          {asText(proposal.why ?? "")}{" "}
          {Object.entries(proposal.settings ?? {}).map(([key, value]) => (
            <code key={key}>
              {key} = {asText(value)}{" "}
            </code>
          ))}
        </p>
      )}
      {proposal && canSteer && (
        <button type="button" onClick={fork}>
          Fork with this …
        </button>
      )}
    </section>
  );
}

/** The curves of what the alarm names. */
function Evidence({ run, names }: { run: WatchedRun; names: readonly string[] }) {
  const known = run.figures.value;
  const lines = names.flatMap((name) => {
    const figure = known?.figures[name];
    return figure ? [{ label: name, values: figure.mean }] : [];
  });
  if (!known || lines.length === 0) return null;
  return (
    <details>
      <summary>Evidence as curves</summary>
      <div class="columns">
        {lines.map((line) => (
          <Chart key={line.label} title={line.label} steps={known.steps} lines={[line]} height={130} />
        ))}
      </div>
    </details>
  );
}
