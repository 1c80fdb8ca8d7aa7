/** A number as people read it; a dash for none. */
export function shown(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(1).replace("e+", "e");
  if (size >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? "–" : `${(100 * share).toFixed(1)} %`;

/** Such as `3 min ago`. */
export function age(milliseconds: number | null): string {
  if (milliseconds === null) return "–";
  const seconds = Math.max(0, (Date.now() - milliseconds) / 1000);
  const [unit, size] = (
    [
      ["day", 86_400],
      ["h", 3600],
      ["min", 60],
    ] as const
  ).find(([, own]) => seconds >= own) ?? ["s", 1];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${unit === "day" && count > 1 ? "s" : ""} ago`;
}

/** Bytes out of base64; none where it is no base64. */
export function bytesFrom(text: string | null | undefined): Uint8Array {
  try {
    return Uint8Array.from(atob(text ?? ""), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
