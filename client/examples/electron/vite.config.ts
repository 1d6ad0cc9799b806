import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // the window loads a file
  build: {
    target: "chrome140",
    outDir: "dist/page",
    assetsInlineLimit: 0, // the page's policy allows no data: URLs
    chunkSizeWarningLimit: 1500,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // "use client" of @tessera/react means nothing to a page without server components.
      onLog: (level, log, report) => {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") report(level, log);
      },
    },
  },
  resolve: { conditions: ["tessera-source", "module", "browser", "development|production"] },
});
