/** Options of `pretrain` that are settings under a shorter name; `--set` reaches the others. */
export const settingFlags = {
  method: "method",
  backbone: "backbone",
  size: "size",
  batch: "batchSize",
  epochs: "epochs",
  steps: "steps",
  precision: "precision",
  device: "device",
  seed: "seed",
  range: "range",
  bands: "bands",
} as const;

export type SettingFlag = keyof typeof settingFlags;
