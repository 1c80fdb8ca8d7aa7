import { defineConfig } from "vitest/config";

// Two files at a time, each with one thread of libtorch: small tensors gain nothing from more, and two cores have no more.
process.env.OMP_NUM_THREADS ??= "1";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks", // the addon is native, and `using` needs a whole Node
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
