import { defineConfig } from "vite";

const SERVER = "http://127.0.0.1:8000";

export default defineConfig({
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 1500, modulePreload: { polyfill: false } },
  resolve: { conditions: ["tessera-source", "module", "browser", "development|production"] },
  // `npm run dev` has an origin of its own: TESSERA_ALLOWED_ORIGINS=http://localhost:5173 lets it in.
  server: { proxy: { "/api": SERVER, "/playground.json": SERVER } },
});
