import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import * as source from "../src/index.js";

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tessera-build-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the build consists of ES modules that Node.js runs without dependencies", async () => {
  const tsc = here("../../node_modules/typescript/bin/tsc");
  await run(process.execPath, [tsc, "-p", here("../tsconfig.build.json"), "--outDir", folder]);
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  const script = `import * as built from ${JSON.stringify(pathToFileURL(join(folder, "index.js")).href)};
    console.log(JSON.stringify(Object.keys(built)));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], { cwd: folder });
  expect(JSON.parse(stdout)).toEqual(Object.keys(source).toSorted());
}, 60_000);
