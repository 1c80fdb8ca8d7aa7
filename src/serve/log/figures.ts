import type { LoggedEvent } from "../answers.ts";

/** The numbers of a step's event by their names; those one level deeper by two names with a point between. */
export function* figuresOf(event: LoggedEvent): Generator<readonly [name: string, value: number]> {
  for (const [name, value] of Object.entries(event)) {
    if (name === "step") continue;
    if (isFigure(value)) yield [name, value];
    else if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const [part, inner] of Object.entries(value)) if (isFigure(inner)) yield [`${name}.${part}`, inner];
  }
}

const isFigure = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
