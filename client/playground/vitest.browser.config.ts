import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["browser/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 90_000,
    // All tests share one page and one server.
    fileParallelism: false,
    bail: 1,
  },
});
