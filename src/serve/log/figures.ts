/**
 * Gives the numbers of a step's event by their names; those one level deeper by two names with a point between. A hundred thousand events
 * pass here before a page shows: no lists are made.
 */
export function eachFigure(
  event: Readonly<Record<string, unknown>>,
  take: (name: string, value: number) => void,
): void {
  for (const name in event) {
    const value = event[name];
    if (typeof value === "number") takeFinite(name, value, take);
    else if (typeof value === "object" && value !== null && !Array.isArray(value))
      eachPart(name, value as Readonly<Record<string, unknown>>, take);
  }
}

function eachPart(
  name: string,
  parts: Readonly<Record<string, unknown>>,
  take: (name: string, value: number) => void,
): void {
  for (const part in parts) {
    const value = parts[part];
    if (typeof value === "number") takeFinite(`${name}.${part}`, value, take);
  }
}

function takeFinite(name: string, value: number, take: (name: string, value: number) => void): void {
  if (name !== "step" && Number.isFinite(value)) take(name, value);
}
