import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const run = promisify(execFile);

/** Compile the SDK and the main process. */
export async function compile(): Promise<void> {
  const tsc = here("../../../node_modules/typescript/bin/tsc");
  const sdk = ["tsconfig.build.json", "tsconfig.node.json"].map((name) => here(`../../../sdk/${name}`));
  for (const project of [...sdk, here("../tsconfig.build.json")]) {
    await run(process.execPath, [tsc, "-p", project]);
  }
}

/** Build the page. */
export async function bundle(): Promise<void> {
  await run(process.execPath, [here("../../../node_modules/vite/bin/vite.js"), "build"], {
    cwd: here(".."),
    env: { ...process.env, NODE_ENV: "production" },
  });
}
