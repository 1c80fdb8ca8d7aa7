// Every run of the folder; two and more chosen ones are compared.
import { signal } from "@preact/signals";
import type { RunSummary } from "../../../src/serve/answers.ts";
import { age, percent, shown } from "../parts/numbers.ts";
import { Empty, LightSign, Problem, StateSign } from "../parts/words.tsx";
import { facts, isCut, problem, runs, useRuns } from "../server/run-list.ts";

const wanted = signal("");
const chosen = signal<readonly string[]>([]);
/** More rows than these are drawn when they are asked for. */
const rowsAtOnce = 100;
const rowsShown = signal(rowsAtOnce);

export function RunsPage() {
  useRuns();
  const all = runs.value;
  const found = (all ?? []).filter((run) => matches(run, wanted.value.toLowerCase()));
  return (
    <>
      <h1>Runs</h1>
      <p class="soft">
        {facts.value?.root} {all && `· ${all.length} run${all.length === 1 ? "" : "s"}`}
        {isCut.value && ", and more than are looked into; name a folder below it to see the others"}
      </p>
      <Problem text={problem.value} />
      {all && all.length > 0 && <Choice />}
      {all?.length === 0 && <Empty>No runs yet. Start one here, or with: npx selfsight pretrain photos/</Empty>}
      {found.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>
                  <span class="unseen">compare</span>
                </th>
                <th>run</th>
                <th>state</th>
                <th>health</th>
                <th>method</th>
                <th class="number">step</th>
                <th class="number">loss</th>
                <th class="number">kNN</th>
                <th class="hide-small">data</th>
                <th class="number">changed</th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, rowsShown.value).map((run) => (
                <Row key={run.id} run={run} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {found.length > rowsShown.value && (
        <button type="button" onClick={() => (rowsShown.value += 10 * rowsAtOnce)}>
          Show {found.length - rowsShown.value} more
        </button>
      )}
    </>
  );
}

const matches = ({ name, method, data, state }: RunSummary, text: string): boolean =>
  text === "" || [name, method, data, state].some((own) => own?.toLowerCase().includes(text));

function Choice() {
  return (
    <div class="row">
      <label>
        <span class="unseen">Find runs by name, method, data or state</span>
        <input
          type="text"
          placeholder="find …"
          value={wanted.value}
          onInput={(event) => (wanted.value = event.currentTarget.value)}
        />
      </label>
      <button
        type="button"
        disabled={chosen.value.length < 2}
        onClick={() => {
          location.hash = `/compare/${chosen.value.join(",")}`;
        }}
      >
        Compare {chosen.value.length < 2 ? "chosen runs" : `${chosen.value.length} runs`}
      </button>
    </div>
  );
}

function Row({ run }: { run: RunSummary }) {
  const isChosen = chosen.value.includes(run.id);
  const toggle = () => {
    chosen.value = isChosen ? chosen.value.filter((id) => id !== run.id) : [...chosen.value, run.id];
  };
  return (
    <tr>
      <td>
        <input type="checkbox" aria-label={`compare ${run.name}`} checked={isChosen} onChange={toggle} />
      </td>
      <td class="name">
        <a href={`#/run/${run.id}`}>{run.name}</a>
      </td>
      <td>
        <StateSign state={run.state} />
      </td>
      <td>
        <LightSign light={run.light} />
      </td>
      <td>{run.method ?? "–"}</td>
      <td class="number">
        {run.step}
        {run.totalSteps !== null && <span class="soft">/{run.totalSteps}</span>}
      </td>
      <td class="number">{shown(run.loss)}</td>
      <td class="number" title={run.protocol ?? ""}>
        {percent(run.accuracy)}
      </td>
      <td class="hide-small">{run.data ?? "–"}</td>
      <td class="number">{age(run.changed)}</td>
    </tr>
  );
}
