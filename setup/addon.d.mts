import type { Libtorch } from "./current.mjs";

/** The folders of CUDA's headers that NVIDIA's packages have put beside libtorch; none where some are missing. */
export function cudaHeaders(libtorch: Pick<Libtorch, "root" | "cuda">): string[];
