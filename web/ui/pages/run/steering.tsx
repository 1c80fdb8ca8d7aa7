// Acts on a run that trains, and on one that does not.
import { useState } from "preact/hooks";
import type { LoggedEvent, RunDetails } from "../../../../src/serve/answers.ts";
import { Act } from "../../parts/act.tsx";
import { keysMatching, settingsNow, typed, valueFrom } from "../../parts/settings.ts";
import { send } from "../../server/ask.ts";
import type { WatchedRun } from "../../server/run.ts";
import { ForkForm, proposed } from "./fork-form.tsx";
import { Acts, actText } from "./record.tsx";

interface SteeringProps {
  run: WatchedRun;
  details: RunDetails;
}

export function Steering({ run, details }: SteeringProps) {
  const state = run.summary.value?.state ?? details.summary.state;
  return (
    <>
      <div class="columns">
        {state === "training" ? <AtWork run={run} details={details} /> : <AtRest details={details} />}
        <ForkForm key={String(proposed.value?.from)} details={details} />
      </div>
      <Acts details={details} />
    </>
  );
}

/** The answer to a request stands in the run's log. */
const answerMs = 60_000;

async function answered(run: WatchedRun, wish: object): Promise<string> {
  const { request } = await send<{ request: string }>(`/api/run/${run.id}/steer`, wish);
  for (const until = Date.now() + answerMs; Date.now() < until; ) {
    const answer = run.details.value?.acts.find((act) => act.request === request);
    if (answer) return answerText(answer);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  return "asked; the run has not answered yet, it does after its step";
}

function answerText(answer: LoggedEvent): string {
  if (answer.act === "refused") throw new Error(String(answer.reason));
  return `step ${answer.step}: ${actText(answer).split(" · ")[0]}`;
}

function AtWork({ run, details }: SteeringProps) {
  const changeable = run.observations.value?.index?.changeable ?? ["optimizer.learningRate", "lambda", "views.*"];
  const now = settingsNow(details.settings, details.changes);
  const keys = keysMatching(Object.keys(now), changeable);
  const first = keys.filter((key) => !/^(views|.*Every)/.test(key) && key !== "keepCheckpoints");
  const ofViews = keys.filter((key) => key.startsWith("views."));
  const [key, setKey] = useState(first[0] ?? "");
  const [text, setText] = useState<string | undefined>(undefined);
  const set = () => answered(run, { act: "set", settings: { [key]: valueFrom(text ?? "") } });
  return (
    <figure>
      <h3>It trains</h3>
      <Act name="Stop after saving" isRisky run={() => answered(run, { act: "stop" })} busy="after this step …" />
      <Act name="Save now" run={() => answered(run, { act: "save" })} busy="after this step …" />
      <Act name="Order the matrix anew" run={() => answered(run, { act: "reorder" })} busy="after this step …" />
      <h3>Change at the next step</h3>
      <div class="field">
        <label for="changed-setting">Setting</label>
        <select
          id="changed-setting"
          value={key}
          onChange={(event) => {
            setKey(event.currentTarget.value);
            setText(undefined);
          }}
        >
          {[
            ["Training", first],
            ["Augmentation", ofViews],
            ["Others", keys.filter((own) => !first.includes(own) && !ofViews.includes(own))],
          ].map(([label, own]) => (
            <optgroup key={label as string} label={label as string}>
              {(own as string[]).map((one) => (
                <option key={one} value={one}>
                  {one}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
        <p class="soft">now {typed(now[key])}</p>
      </div>
      <div class="field">
        <label>
          New value
          <input
            type="text"
            placeholder={typed(now[key])}
            value={text ?? ""}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <p class="soft">
          A learning rate may be a factor, such as x0.5. The run stays resumable to the bit: each change is kept with
          its step.
        </p>
      </div>
      <Act name="Change" isMain isOff={!text} run={set} busy="after this step …" />
    </figure>
  );
}

function AtRest({ details: { summary, settings } }: { details: RunDetails }) {
  const [epochs, setEpochs] = useState("");
  const resume = async () => {
    await send(`/api/run/${summary.id}/resume`, { epochs: epochs === "" ? null : Number(epochs) });
    return "it trains again";
  };
  return (
    <figure>
      <h3>Nobody trains it</h3>
      <p>It goes on from its newest whole checkpoint and ends with the same bits as if it had never stopped.</p>
      <div class="field">
        <label>
          More epochs, in all (now {typed(settings?.epochs ?? null)})
          <input type="number" min="1" value={epochs} onInput={(event) => setEpochs(event.currentTarget.value)} />
        </label>
        <p class="soft">Empty: to its planned end. A finished run needs a greater number.</p>
      </div>
      <Act name="Resume" isMain run={resume} busy="starting; libtorch and the pictures take a while …" />
    </figure>
  );
}
