// What a run is and what happened to it, in words.
import type { LoggedEvent, RunDetails } from "../../../../src/serve/answers.ts";
import { percent, shown } from "../../parts/numbers.ts";
import { settingsNow, typed } from "../../parts/settings.ts";
import { asText, Empty } from "../../parts/words.tsx";

export function Record({ details }: { details: RunDetails }) {
  const { folder, command, created, start, evaluations, remarks, alarms, checkpoints, ends, extensions } = details;
  const warnings = [...alarms, ...remarks].sort((a, b) => b.step - a.step);
  return (
    <>
      <h2>What began it</h2>
      <pre>{command ?? "not known"}</pre>
      <p class="soft">
        In {folder}, since {created ?? "–"}.
      </p>
      <Acts details={details} />
      {warnings.length > 0 && (
        <>
          <h2>Warnings</h2>
          <Events events={warnings} text={(event) => asText(event.message)} />
        </>
      )}
      {evaluations.length > 0 && (
        <>
          <h2>Evaluations while it trained</h2>
          <Events
            events={[...evaluations].reverse()}
            text={({ value, protocol }) => `${percent(typeof value === "number" ? value : null)} (${asText(protocol)})`}
          />
        </>
      )}
      {(ends.length > 0 || extensions.length > 0) && (
        <>
          <h2>Ends and extensions</h2>
          <Events
            events={[...extensions, ...ends].sort((a, b) => b.step - a.step)}
            text={({ event, reason, seconds, toSteps }) =>
              event === "end"
                ? `${asText(reason)} after ${shown(Number(seconds))} s`
                : `goes on to ${asText(toSteps)} steps`
            }
          />
        </>
      )}
      <h2>Checkpoints</h2>
      <p>{checkpoints.length === 0 ? "none yet" : checkpoints.map((step) => `step ${step}`).join(", ")}</p>
      <Settings details={details} />
      {start && (
        <>
          <h2>What it really uses</h2>
          <Table rows={Object.entries(start).filter(([key]) => !["event", "step"].includes(key))} />
        </>
      )}
    </>
  );
}

/** Who did what, when: old and new. */
export function Acts({ details: { acts } }: { details: RunDetails }) {
  return (
    <>
      <h2>What people did</h2>
      {acts.length === 0 && <Empty>Nobody has changed anything.</Empty>}
      {acts.length > 0 && <Events events={[...acts].reverse()} text={actText} />}
    </>
  );
}

/** One act as a sentence. */
export function actText({ act, asked, who, via, reason, changes, time }: LoggedEvent): string {
  const list = Array.isArray(changes) ? (changes as { key?: unknown; from?: unknown; to?: unknown }[]) : [];
  const changed = list.map(({ key, from, to }) => `${asText(key)}: ${asText(from)} → ${asText(to)}`).join(", ");
  const what =
    act === "refused"
      ? `${asText(asked)} refused: ${asText(reason)}`
      : `${asText(act)} ${changed || asText(reason ?? "")}`;
  return `${what} · ${asText(who)}, by ${asText(via)}, ${asText(time)}`;
}

const mostRows = 60;

function Events({ events, text }: { events: readonly LoggedEvent[]; text: (event: LoggedEvent) => string }) {
  const rows = events.slice(0, mostRows).map((event, i) => [`step ${event.step}`, text(event), i] as const);
  return (
    <div class="scroll">
      <table>
        <tbody>
          {rows.map(([step, words, i]) => (
            <tr key={i}>
              <td class="number">{step}</td>
              <td class="name">{words}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {events.length > mostRows && <p class="soft">{events.length - mostRows} older ones stand in log.jsonl.</p>}
    </div>
  );
}

function Settings({ details: { settings, changes } }: { details: RunDetails }) {
  return (
    <>
      <h2>Settings{changes.length > 0 && ", as they are now"}</h2>
      <Table rows={Object.entries(settingsNow(settings, changes))} />
    </>
  );
}

const Table = ({ rows }: { rows: readonly (readonly [string, unknown])[] }) => (
  <div class="scroll">
    <table>
      <tbody>
        {rows.map(([key, value]) => (
          <tr key={key}>
            <td>{key}</td>
            <td class="name">{typed(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
