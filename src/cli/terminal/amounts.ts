// Amounts as people say them: three digits at most.

/** `950 B`, `12 kB`, `3.4 MB`. */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** power;
  return `${power > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[power]}`;
}

const secondsIn = { d: 86_400, h: 3600, min: 60 } as const;

/** The largest whole unit of a time in seconds: `5 d`, `3 h`, `12 min`, `40 s`. */
export function durationText(seconds: number): string {
  const found = Object.entries(secondsIn).find(([, size]) => seconds >= size);
  return found ? `${Math.floor(seconds / found[1])} ${found[0]}` : `${Math.max(0, Math.floor(seconds))} s`;
}
