// @vitest-environment node
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

const MOST_BYTES = 60_000;

test("an answer without a chart or code costs at most 60 KB, besides React", async () => {
  const built = await build({
    configFile: false,
    logLevel: "silent",
    resolve: { conditions: ["tessera-source"] },
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      write: false,
      minify: true,
      lib: { entry: fileURLToPath(new URL("bundle-entry.ts", import.meta.url)), formats: ["es"], fileName: "bundle" },
      rolldownOptions: { external: [/^react/] },
    },
  });
  const [bundle] = [built].flat();
  if (bundle === undefined || !("output" in bundle)) throw new Error("Vite built nothing.");
  const chunks = bundle.output.filter((file): file is Rolldown.OutputChunk => file.type === "chunk");
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const first = new Set<Rolldown.OutputChunk>();
  const add = (chunk: Rolldown.OutputChunk | undefined) => {
    if (chunk === undefined || first.has(chunk)) return;
    first.add(chunk);
    for (const name of chunk.imports) add(byName.get(name));
  };
  add(chunks.find(({ isEntry }) => isEntry));
  const modules = [...first].flatMap(({ moduleIds }) => moduleIds).join("\n");
  expect(modules).toContain("/marked/");
  expect(modules).not.toMatch(/recharts|highlight\.js|lowlight/);
  const bytes = [...first].reduce((sum, { code }) => sum + gzipSync(code).length, 0);
  expect(bytes).toBeLessThan(MOST_BYTES);
  expect(bytes).toBeGreaterThan(10_000); // it measures something
}, 60_000);
