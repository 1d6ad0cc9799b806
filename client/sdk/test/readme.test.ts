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

/** The names of the application that the README's example uses. */
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

/** The compiler's messages for `source`, compiled together with the SDK; empty if there are none. */
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

test("the example in the README compiles and is about ten lines long", async () => {
  const readme = readFileSync(here("../../../README.md"), "utf8");
  const section = readme.split(/^## /m).find((candidate) => candidate.startsWith("Use it from your app\n")) ?? "";
  const [, rest = ""] = section.split(/^```ts\n/m);
  const [example = ""] = rest.split(/^```\n/m);
  const lines = example.split("\n").filter((line) => line.trim() !== "");
  expect(lines.length).toBeGreaterThanOrEqual(8);
  expect(lines.length).toBeLessThanOrEqual(12);
  expect(await compile(example)).toBe("");
  // A mistake in the example makes the test fail.
  expect(await compile(example.replace("home(", "hone("))).toContain("hone");
}, 60_000);
