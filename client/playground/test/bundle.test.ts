// @vitest-environment node
import { fileURLToPath } from "node:url";
import { ar, de, en, fr } from "@tessera/react";
import { build } from "vite";
import { expect, test } from "vitest";

test("an application's bundle of @tessera/react has only the wordings that it imports", async () => {
  const built = await build({
    configFile: false,
    logLevel: "silent",
    resolve: { conditions: ["tessera-source"] },
    build: {
      write: false,
      minify: false,
      lib: { entry: fileURLToPath(new URL("bundle-entry.ts", import.meta.url)), formats: ["es"], fileName: "bundle" },
      rolldownOptions: { external: [/^react/, "recharts", "marked", "lowlight"] },
    },
  });
  const [bundle] = [built].flat();
  if (bundle === undefined || !("output" in bundle)) throw new Error("Vite built nothing.");
  const code = bundle.output.map((file) => ("code" in file ? file.code : "")).join("\n");
  expect([en, de, fr, ar].map(({ otherDevice }) => code.includes(otherDevice))).toEqual([true, true, false, false]);
}, 60_000);
