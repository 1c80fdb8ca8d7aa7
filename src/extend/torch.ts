/** selfsight/torch: tensors of libtorch, networks made of them, and their files. */
export * from "../nn/index.ts";
export * from "../torch/index.ts";
export * from "../weights/index.ts";
