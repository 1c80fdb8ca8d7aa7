// Where the rows of a pass stand among those of the whole batch.  N rows of the batch
/** This pass's rows, in ascending places of `total`. */
export interface Places {
  own: Uint32Array; // [n]
  total: number;
}

let current: Places | undefined;

/** Runs `body`, telling its batch norms and its shuffles where their rows stand. */
export function withPlaces<T>(places: Places | undefined, body: () => T): T {
  const before = current;
  current = places;
  try {
    return body();
  } finally {
    current = before;
  }
}

/** Where `rows` rows stand: as they were told, or all of them in their order. */
export const placesOf = (rows: number): Places =>
  current ?? { own: Uint32Array.from({ length: rows }, (_, i) => i), total: rows };
