import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["browser/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 90_000,
    // One page and one server, from the first test to the last.
    fileParallelism: false,
    bail: 1,
  },
});
