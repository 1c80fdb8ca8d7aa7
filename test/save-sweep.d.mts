export function canSweep(): boolean;
export function sweep(options?: { twin?: boolean; calls?: string[]; say?: (line: string) => void }): {
  points: number;
  badLoads: string[];
  errors: number;
  badErrors: string[];
};
export function traceOfSave(): string[];
