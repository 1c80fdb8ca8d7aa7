// A new run that begins at a checkpoint of this one, with some settings changed.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { RunDetails } from "../../../../src/serve/answers.ts";
import { Act } from "../../parts/act.tsx";
import { settingsNow, typed, valueFrom } from "../../parts/settings.ts";
import { send } from "../../server/ask.ts";

/** What an alarm proposes. */
export const proposed = signal<{ settings: Record<string, unknown>; from: number | null } | undefined>(undefined);

const linesOf = (settings: Record<string, unknown>): string =>
  Object.entries(settings)
    .map(([key, value]) => `${key} = ${typed(value)}`)
    .join("\n");

/** Lines of `key = value` as a table. */
export const settingsIn = (lines: string): Record<string, unknown> =>
  Object.fromEntries(
    lines
      .split("\n")
      .map((line) => line.split("="))
      .filter(([key]) => key?.trim())
      .map(([key, ...value]) => [key!.trim(), valueFrom(value.join("=").trim())]),
  );

export function ForkForm({ details }: { details: RunDetails }) {
  const { summary, checkpoints } = details;
  const [name, setName] = useState(
    `${summary.name.replace(/[^A-Za-z0-9._-]+/g, "-")}-fork`.replace(/^[^A-Za-z0-9]+/, "run"),
  );
  const [from, setFrom] = useState(String(proposed.value?.from ?? "newest"));
  const [lines, setLines] = useState(linesOf(proposed.value?.settings ?? {}));
  const now = settingsNow(details.settings, details.changes);
  const fork = async () => {
    const at = from === "newest" ? null : Number(from);
    const { id } = await send<{ id: string }>(`/api/run/${summary.id}/fork`, { name, at, settings: settingsIn(lines) });
    proposed.value = undefined;
    location.hash = `/run/${id}`;
    return "it trains";
  };
  return (
    <figure>
      <h3>Fork it</h3>
      <p>
        A new run that begins with the weights of a checkpoint and with settings that you change. This one stays as it
        is.
      </p>
      <div class="field">
        <label>
          From the checkpoint of
          <select value={from} onChange={(event) => setFrom(event.currentTarget.value)}>
            <option value="newest">the newest step</option>
            {[...checkpoints].reverse().map((step) => (
              <option key={step} value={step}>
                step {step}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="field">
        <label>
          Settings that differ, one a line
          <textarea
            rows={4}
            placeholder={`optimizer.learningRate = ${typed(now["optimizer.learningRate"])}`}
            value={lines}
            onInput={(event) => setLines(event.currentTarget.value)}
          />
        </label>
      </div>
      <div class="field">
        <label>
          Name of the new run
          <input type="text" value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
      </div>
      <Act name="Fork" isMain run={fork} busy="starting; libtorch and the pictures take a while …" />
    </figure>
  );
}
