import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["tessera-source"] },
  ssr: { resolve: { conditions: ["tessera-source"] } },
  test: { environment: "jsdom", include: ["test/**/*.test.{ts,tsx}"], setupFiles: ["test/setup.ts"] },
});
