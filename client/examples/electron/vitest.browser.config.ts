import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["tessera-source"] },
  ssr: { resolve: { conditions: ["tessera-source"] } },
  test: {
    environment: "node",
    include: ["browser/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 90_000,
    bail: 1, // the tests share one page
  },
});
