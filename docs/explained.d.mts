export type Row = Record<string, string | number>;
export function figureOf(name: "twins" | "branches" | "halves" | "codes" | "floor"): Row[];
