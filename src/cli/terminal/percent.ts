/** A share of [0, 1] as people read it, such as `81.3 %`. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
