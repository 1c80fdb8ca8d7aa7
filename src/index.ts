/** The public names of Selfsight, by layer from the bottom up. */
export * from "./augment/index.ts";
export * from "./data/index.ts";
export { type ErrorKind, exitCodes, SelfsightError } from "./errors.ts";
export * from "./evaluate/index.ts";
export * from "./methods/index.ts";
export * from "./nn/index.ts";
export { recipes } from "./recipes/index.ts";
export * from "./torch/index.ts";
export * from "./train/index.ts";
export { version } from "./version.ts";
export * from "./weights/index.ts";
export * from "./work/index.ts";
