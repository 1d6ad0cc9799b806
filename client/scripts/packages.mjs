// Packs the packages as npm would and checks the tarballs: their files, `publint` (metadata, exports) and `attw` (types).
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PACKAGES = ["sdk", "react"];
const REQUIRED = ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts", "src/index.ts"];
// The packages are ES modules only. Node.js 20.19 and later can `require` them.
const ATTW = ["--ignore-rules", "cjs-resolves-to-esm", "--exclude-entrypoints", "styles.css", "package.json"];

const license = readFileSync("../LICENSE", "utf8");
for (const name of PACKAGES) {
  if (readFileSync(`${name}/LICENSE`, "utf8") !== license)
    throw new Error(`${name}/LICENSE is not the repository's LICENSE.`);
}
// A React framework with server components needs the directive in each module with state, effects or context.
for (const file of readdirSync("react/dist", { recursive: true }).filter((path) => path.endsWith(".js"))) {
  const code = readFileSync(join("react/dist", file), "utf8");
  if (/from "(react|recharts)";/.test(code) && !code.startsWith('"use client";'))
    throw new Error(`${file} lacks "use client".`);
}

const folder = mkdtempSync(join(tmpdir(), "tessera-packages-"));
const run = (command, args) => execFileSync("npx", ["--no-install", command, ...args], { stdio: "inherit" });
try {
  for (const name of PACKAGES) {
    const packing = ["pack", "-w", name, "--ignore-scripts", "--json", "--pack-destination", folder];
    const [{ filename, files }] = JSON.parse(execFileSync("npm", packing, { encoding: "utf8" }));
    const missing = REQUIRED.filter((path) => !files.some((file) => file.path === path));
    if (missing.length > 0) throw new Error(`${filename} does not contain ${missing.join(", ")}.`);
    const tarball = join(folder, filename);
    run("publint", ["run", tarball, "--strict"]);
    run("attw", [tarball, ...ATTW]);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
