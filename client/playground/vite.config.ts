import { defineConfig } from "vite";
import { firstScreen } from "./first-screen.js";

const SERVER = "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [firstScreen()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    // One style sheet, which is in the page: no part of the code waits for a file with it.
    cssCodeSplit: false,
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
  // The page of `npm run dev` has another origin. Allow it with TESSERA_ALLOWED_ORIGINS=http://localhost:5173.
  server: { proxy: { "/api": SERVER, "/playground.json": SERVER } },
});
