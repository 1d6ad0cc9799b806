import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch, Watch } from "./chromium.js";
import { freePort, Server } from "./server.js";

/*
 * Follows docs/client.md from an empty home folder: it writes the files and runs the commands of the page, in their order.
 * It differs from a reader only in the ports, and in `make run`: it starts the same server itself.
 */
const ROOT = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

interface Block {
  readonly language: string;
  readonly code: string;
  /** The path in backticks at the beginning of the line before the block. */
  readonly file: string | undefined;
}

let home: string;
let app: string;
let tutorial: string;
let server: Server | undefined;
let vite: ChildProcess | undefined;
let browser: Browser | undefined;
let page: Page;
let watch: Watch;
let environment: NodeJS.ProcessEnv;

function blocks(): Block[] {
  const found = tutorial.matchAll(/([^\n]*)\n\n```(\w+)\n(.*?)^```$/gms);
  return [...found].map(([, before = "", language = "", code = ""]) => ({
    language,
    code,
    file: /^`([^`]+)`/.exec(before)?.[1],
  }));
}

async function shell(command: string, cwd: string): Promise<void> {
  await run("bash", ["-euc", command], { cwd, env: environment, maxBuffer: 1 << 26 });
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "tessera-tutorial-"));
  app = join(home, "my-app");
  const ports = { "8000": await freePort(), "8765": await freePort(), "5173": await freePort() };
  tutorial = await readFile(join(ROOT, "docs/client.md"), "utf8");
  for (const [usual, free] of Object.entries(ports)) {
    tutorial = tutorial.replaceAll(usual, String(free));
  }
  // npm's cache and settings are those of the person who runs the test. NODE_ENV is that of the test runner.
  const [cache, userconfig] = await Promise.all(
    ["cache", "userconfig"].map(async (name) =>
      (await run("npm", ["config", "get", name], { cwd: home })).stdout.trim(),
    ),
  );
  const inherited = Object.entries(process.env).filter(([name]) => name !== "NODE_ENV" && !/^npm_/i.test(name));
  environment = {
    ...Object.fromEntries(inherited),
    HOME: home,
    npm_config_cache: cache,
    npm_config_userconfig: userconfig,
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
  };
  // The checkout: the files that Git has, or would take.
  await mkdir(join(home, "tessera"));
  await shell(
    `git ls-files -z --cached --others --exclude-standard client | tar -c --null -T - --ignore-failed-read 2>/dev/null | tar -x -C ${home}/tessera`,
    ROOT,
  );
  const origin = `http://localhost:${ports["5173"]}`;
  const [start] = blocks();
  expect(start?.code).toBe(`cd ~/tessera && TESSERA_ALLOWED_ORIGINS=${origin} make run\n`);
  [server, browser] = await Promise.all([
    Server.start({
      TESSERA_ALLOWED_ORIGINS: origin,
      TESSERA_HTTP_BIND: `127.0.0.1:${ports["8000"]}`,
      TESSERA_WS_BIND: `127.0.0.1:${ports["8765"]}`,
    }),
    launch(),
  ]);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  if (vite?.pid !== undefined && vite.exitCode === null) {
    const ended = once(vite, "close");
    process.kill(-vite.pid);
    await ended;
  }
  await server?.remove();
  await rm(home, { recursive: true, force: true });
});

it("the files and commands of the page give an app that passes the type checker", async () => {
  const [, ...rest] = blocks();
  let built = 0;
  for (const { language, code, file } of rest) {
    if (language !== "sh") {
      expect(file).toBeDefined();
      const path = join(app, file ?? "");
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, code);
    } else if (code.startsWith("npx vite --port")) {
      vite = spawn("bash", ["-euc", `exec ${code}`], {
        cwd: app,
        env: environment,
        stdio: ["ignore", "pipe", "inherit"],
        detached: true, // npx starts further processes, which end with the group
      });
      const { stdout } = vite;
      await new Promise<void>((ready) => {
        stdout?.on("data", (chunk) => String(chunk).includes("ready in") && ready());
      });
    } else {
      await shell(code, built === 0 ? home : app);
      built += 1;
    }
  }
  expect(built).toBe(3); // packing, installing, building
  // The type checker reads the packed types: a mistake fails.
  const session = await readFile(join(app, "src/session.ts"), "utf8");
  await writeFile(join(app, "src/session.ts"), session.replace("approve: questions.ask", "aprove: questions.ask"));
  await expect(shell("npx tsc", app)).rejects.toMatchObject({ stdout: expect.stringContaining("aprove") });
  await writeFile(join(app, "src/session.ts"), session);
}, 240_000);

it("the app does what the page says", async () => {
  page = (await browser?.newPage()) as Page;
  page.setDefaultTimeout(20_000);
  watch = Watch.over(page);
  await page.goto(/Open (\S+),/.exec(tutorial)?.[1] ?? "");
  await page.getByLabel("E-mail").fill("ann@example.com");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("status").filter({ hasText: "online" }).first().waitFor();
  const asks = [...tutorial.matchAll(/^- Ask `(.+?)` (.*)$/gm)];
  expect(asks).toHaveLength(3);
  for (const [, message = "", says = ""] of asks) {
    await page.getByLabel("Message").fill(message);
    await page.getByRole("button", { name: "Send" }).click();
    const article = page.getByRole("article", { name: message });
    const titles = [...says.matchAll(/\*(.+?)\*/g)].map(([, title = ""]) => title);
    if (says.startsWith("The answer shows")) {
      await article
        .getByText(titles[0] ?? "")
        .first()
        .waitFor();
      await article.locator("[data-status=completed]").waitFor();
    } else {
      await page.getByRole("heading", { name: /Delete .Choose the typeface.\?/ }).waitFor();
      for (const button of titles) await page.getByRole("button", { name: button, exact: true }).click();
      await page.getByText("Undone", { exact: false }).first().waitFor();
    }
  }
  const kept = await page.evaluate(() => JSON.parse(localStorage.getItem("tasks") ?? "[]") as { title: string }[]);
  expect(kept.map(({ title }) => title).sort()).toEqual([
    "Choose the typeface",
    "Send the contract",
    "Water the plants",
  ]);
  await page.reload();
  await page.getByRole("status").filter({ hasText: "online" }).first().waitFor();
  await page.locator("[data-status=completed]").nth(2).waitFor();
  expect(watch.complaints).toEqual([]);
}, 90_000);
