// Small parts that say one thing each.
import type { ComponentChildren } from "preact";
import type { Light, RunSummary } from "../../../src/serve/answers.ts";

const lightSigns = { well: "●", watch: "▲", fallen: "✕", dark: "○" } as const;
const lightWords = { well: "well", watch: "look", fallen: "fallen", dark: "unknown" } as const;

/** Told by form, word and colour. */
export function LightSign({ light }: { light: Light }) {
  return (
    <span class={`light ${light.colour}`} title={light.reason}>
      <span aria-hidden="true">{lightSigns[light.colour]}</span> {lightWords[light.colour]}
      <span class="unseen"> ({light.reason})</span>
    </span>
  );
}

export const StateSign = ({ state }: Pick<RunSummary, "state">) => <span class={`state ${state}`}>{state}</span>;

/** What went wrong, for everybody to hear. */
export const Problem = ({ text }: { text: string }) =>
  text === "" ? null : (
    <p class="problem" role="alert">
      {text}
    </p>
  );

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="soft empty">{children}</p>;

/** Anything out of a run's files, as text. */
export function asText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "–";
  return JSON.stringify(value) ?? "–";
}
