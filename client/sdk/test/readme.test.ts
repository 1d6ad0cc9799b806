import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tessera-readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the README's example takes from the application around it. */
const APPLICATION = `
import type { EntityTools, Items } from "@tessera/client";
declare global {
  const app: {
    readonly deviceId: string;
    readonly tasks: EntityTools<Items["task"]>;
    accessToken(): Promise<string>;
    confirm(question: string): Promise<boolean>;
    show(text: string): void;
  };
}
`;

/** What the compiler says of `source` beside the SDK. */
async function compile(source: string): Promise<string> {
  writeFileSync(join(folder, "example.mts"), source);
  writeFileSync(join(folder, "application.mts"), APPLICATION);
  const config = {
    extends: here("../../tsconfig.base.json"),
    compilerOptions: {
      noEmit: true,
      noUnusedLocals: false,
      paths: { "@tessera/client": [here("../src/index.ts")] },
    },
    files: ["example.mts", "application.mts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  try {
    await promisify(execFile)(process.execPath, [here("../../node_modules/typescript/bin/tsc"), "-p", folder]);
    return "";
  } catch (error) {
    return String((error as { stdout?: string }).stdout);
  }
}

test("the example in the README is sound, and ten lines long", async () => {
  const readme = readFileSync(here("../../../README.md"), "utf8");
  const section = readme.split(/^## /m).find((candidate) => candidate.startsWith("Use it from your app\n")) ?? "";
  const [, example = ""] = section.split(/^```(?:ts)?\n/m);
  const lines = example.split("\n").filter((line) => line.trim() !== "");
  expect(lines.length).toBeGreaterThanOrEqual(8);
  expect(lines.length).toBeLessThanOrEqual(12);
  expect(await compile(example)).toBe("");
  // And the compiler does look at it.
  expect(await compile(example.replace("home(", "hone("))).toContain("hone");
}, 60_000);
