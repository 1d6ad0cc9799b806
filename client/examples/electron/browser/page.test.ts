import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { launch, seriousFindings, Watch } from "../../../playground/browser/chromium.js";
import { type Peer, ScriptedServer } from "../../../sdk/test/unit/scripted-server.js";
import type { Update } from "../src/bridge.js";
import { ElectronApp, LoginServer } from "../test/app.js";
import { bundle, compile } from "../test/build.js";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const CALL = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b11";

let server: ScriptedServer;
let login: LoginServer;
let files: Server;
let browser: Browser;
let folder: string;
let app: ElectronApp;
let page: Page;
let watch: Watch;
let peer: Peer;

beforeAll(async () => {
  await compile();
  await bundle();
  [server, login, browser] = await Promise.all([ScriptedServer.open(), LoginServer.open(), launch()]);
  folder = mkdtempSync(join(tmpdir(), "tessera-electron-"));
  app = await ElectronApp.start({ socketUrl: server.url, restUrl: login.url, userData: folder, page: false });
  // Electron loads the page as a file. Here it comes over HTTP, because Chromium loads no modules from files.
  files = createServer((request, response) => {
    const path = join(DIST, "page", new URL(request.url ?? "", "http://x").pathname);
    const found = existsSync(path) && extname(path) !== "";
    response.writeHead(found ? 200 : 404, { "Content-Type": TYPES[extname(path)] ?? "text/plain" });
    response.end(found ? readFileSync(path) : "");
  }).listen(0, "127.0.0.1");
  await once(files, "listening");
  page = await opened();
});

afterAll(async () => {
  await browser?.close();
  await app?.kill();
  await server?.close();
  login?.close();
  files?.close();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  expect(watch.complaints.splice(0)).toEqual([]);
});

/**
 * The page in Chromium. Its bridge is the compiled preload script, with a stand-in for the module `electron` that leads to the
 * compiled main process.
 */
async function opened(): Promise<Page> {
  const made = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  made.setDefaultTimeout(20_000);
  watch = Watch.over(made);
  await made.exposeFunction("mainInvoke", (channel: string, args: unknown[]) => app.invoke(channel, ...args));
  await made.exposeFunction("mainSend", (channel: string, args: unknown[]) => app.emit(channel, ...args));
  await made.addInitScript(`{
    const electron = {
      contextBridge: { exposeInMainWorld: (name, bridge) => { window[name] = bridge; } },
      ipcRenderer: {
        invoke: (channel, ...args) => window.mainInvoke(channel, args),
        send: (channel, ...args) => void window.mainSend(channel, args),
        on: (_channel, listener) => { window.deliver = (update) => listener({}, update); },
      },
    };
    const preload = (require, exports) => {
      ${readFileSync(join(DIST, "preload.cjs"), "utf8")}
    };
    preload(() => electron, {});
  }`);
  let delivered = Promise.resolve();
  app.onUpdate = (update: Update) => {
    const deliver = () =>
      made.evaluate((data) => (window as never as { deliver(u: unknown): void }).deliver(data), update);
    delivered = delivered.then(deliver).catch(() => undefined); // the page is being reloaded
  };
  await made.goto(`http://127.0.0.1:${(files.address() as AddressInfo).port}/index.html`);
  return made;
}

async function ask(message: string): Promise<string> {
  await page.getByLabel("Message").fill(message);
  await page.keyboard.press("Enter");
  const asked = await peer.hear("home_request");
  expect(asked["message"]).toBe(message);
  return String(asked["request_id"]);
}

const end = (request_id: string): object => ({ request_id, status: "completed", mutations: [] });

test("the person logs in", async () => {
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByLabel("E-mail").fill("ann@example.com");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").filter({ hasText: "The address or the password is wrong." }).waitFor();
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Log in" }).click();
  peer = await server.next();
  await peer.greet();
  await page.getByRole("status").filter({ hasText: "Connected." }).waitFor();
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
});

test("an answer streams with its blocks, drawn by the components", async () => {
  const id = await ask("What should I do today?");
  peer.say("stream_start", { request_id: id, agent: "task_agent" });
  peer.say("stream_text", { request_id: id, block: 0, chunk: "You have **one** " });
  const card = page.getByRole("article", { name: "What should I do today?" });
  await card.locator("strong", { hasText: "one" }).waitFor();
  peer.say("stream_text", { request_id: id, block: 0, chunk: "task." });
  peer.say("stream_block", {
    request_id: id,
    block: 1,
    block_type: "table",
    data: { headers: ["Task", "Due"], rows: [["Send the contract", "2026-03-09"]] },
  });
  peer.say("stream_end", end(id));
  await card.locator("[data-status=completed]").waitFor();
  expect(await card.getByRole("cell").allInnerTexts()).toContain("Send the contract");
  expect(await seriousFindings(page)).toEqual([]);
});

test("an approval names the item, and its countdown and its buttons are in the answer", async () => {
  const id = await ask("Delete the contract");
  const call = { call_id: CALL, request_id: id, deadline_ms: 60_000, requires_approval: true };
  peer.say("tool_call", { ...call, tool: "delete_task", args: { id: "t1" } });
  const card = page.getByRole("article", { name: "Delete the contract" });
  await card.getByRole("heading", { name: /Delete .Send the contract.\?/ }).waitFor();
  await card.getByRole("timer").waitFor();
  await card.getByRole("button", { name: "Delete" }).click();
  await peer.hear("tool_accepted");
  const result = await peer.hear("tool_result");
  expect(result).toMatchObject({ ok: true });
  peer.say("tool_ack", { call_id: result["call_id"] }); // otherwise the device sends it again when it connects
  await card.getByRole("heading").waitFor({ state: "detached" });
  peer.say("stream_end", end(id));
  await page.getByRole("button", { name: "Undo" }).click();
  await peer.hear("mutation");
  await page.getByRole("checkbox", { name: "Send the contract" }).waitFor();
});

test("a reload of the page keeps the conversation and the open question", async () => {
  const id = await ask("Delete the typeface");
  const call = { call_id: id, request_id: id, deadline_ms: 60_000, requires_approval: true };
  peer.say("tool_call", { ...call, tool: "delete_task", args: { id: "t2" } });
  const heading = page.getByRole("heading", { name: /Delete .Choose the typeface.\?/ });
  await heading.waitFor();
  await page.reload();
  await heading.waitFor();
  expect(await page.getByRole("article").count()).toBe(3);
  await page.getByRole("button", { name: "Keep" }).click();
  expect(await peer.hear("tool_result")).toMatchObject({ ok: false, error: { code: "denied" } });
  peer.say("stream_end", end(id));
});

test("without a network the page says so, keeps the message, and connects when the network is back", async () => {
  await page.context().setOffline(true);
  await page.getByRole("status").filter({ hasText: "No network." }).waitFor();
  peer.say("draining", { retry_after_ms: 3_600_000 });
  peer.close(4001);
  await page.getByRole("button", { name: "Connect now" }).waitFor();
  await page.getByRole("checkbox", { name: "Send the contract" }).click(); // the main process checks it
  await page.getByRole("status").filter({ hasText: "One change waits here to be sent." }).waitFor();
  await page.getByLabel("Message").fill("Are you there?");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "Your message was not sent." }).waitFor();
  expect(await page.getByLabel("Message").inputValue()).toBe("Are you there?");
  await page.context().setOffline(false);
  peer = await server.next();
  await peer.greet();
  await peer.hear("mutation");
  peer.say("mutation_ack", {});
  await page.keyboard.press("Enter");
  expect(await peer.hear("home_request")).toMatchObject({ message: "Are you there?" });
});
