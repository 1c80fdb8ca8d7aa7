export interface KillResult {
  kills: number;
  places: { start: number; training: number; save: number };
  runs: number;
  equal: number;
  unequal: number;
  failures: string[];
}
export function killAndResume(options: {
  kills: number;
  seed?: number;
  say?: (line: string) => void;
}): Promise<KillResult>;
