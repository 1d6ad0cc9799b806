import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Frame, type Peer, ScriptedServer } from "../../../sdk/test/unit/scripted-server.js";
import { ElectronApp, LoginServer } from "./app.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const CALL = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b11";
const REQUEST = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b12";

let server: ScriptedServer;
let login: LoginServer;
let folder: string;
const apps: ElectronApp[] = [];

beforeAll(async () => {
  const tsc = here("../../../node_modules/typescript/bin/tsc");
  const sdk = ["tsconfig.build.json", "tsconfig.node.json"].map((name) => here(`../../../sdk/${name}`));
  for (const project of [...sdk, here("../tsconfig.build.json")]) {
    await promisify(execFile)(process.execPath, [tsc, "-p", project]);
  }
}, 60_000);

beforeEach(async () => {
  [server, login] = await Promise.all([ScriptedServer.open(), LoginServer.open()]);
  folder = mkdtempSync(join(tmpdir(), "tessera-electron-"));
});

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.kill()));
  await server.close();
  login.close();
  rmSync(folder, { recursive: true, force: true });
});

async function started(): Promise<ElectronApp> {
  const app = await ElectronApp.start(server.url, login.url, folder);
  apps.push(app);
  return app;
}

/** The app after the person has logged in, and its socket. */
async function loggedIn(): Promise<{ app: ElectronApp; peer: Peer; hello: Frame }> {
  const app = await started();
  expect(await app.invoke("login", "ann@example.com", "correct horse battery")).toBe(true);
  const peer = await server.next();
  const hello = await peer.greet();
  await app.until(() => app.states.at(-1) === "online");
  return { app, peer, hello };
}

/** Kill the app and start it again. It is logged in. */
async function restarted(
  app: ElectronApp,
  ready: object = {},
): Promise<{ app: ElectronApp; peer: Peer; hello: Frame }> {
  apps.splice(apps.indexOf(app), 1);
  await app.kill();
  const next = await started();
  const peer = await server.next();
  return { app: next, peer, hello: await peer.greet(ready) };
}

const create = (fields: object = {}): object => ({
  call_id: CALL,
  request_id: REQUEST,
  tool: "create_task",
  args: { data: { title: "Pay the rent" } },
  deadline_ms: 60_000,
  requires_approval: false,
  ...fields,
});

const end = (request_id: unknown): object => ({ request_id, status: "completed", mutations: [] });

test("an answer goes on after a cut, and ends like an uncut one", async () => {
  const { app, peer, hello } = await loggedIn();
  expect(hello["features"]).toEqual(["block_open", "ledger", "changes", "tool_events", "approvals"]);
  const id = String(await app.invoke("home", "Hi"));
  expect(await peer.hear("home_request")).toMatchObject({ request_id: id, message: "Hi" });
  peer.say("stream_start", { request_id: id, agent: "task_agent" });
  peer.say("stream_text", { request_id: id, block: 0, chunk: "Good " });
  await app.until(() => app.text(id) === "Good ");
  peer.vanish();
  await app.until(() => app.states.at(-1) === "waiting");
  const next = await server.next();
  const again = await next.greet({ resume: "resumed", requests: [{ request_id: id, state: "running" }] });
  expect(again["resume"]).toMatchObject({ seq: 3 });
  next.say("stream_text", { request_id: id, block: 0, chunk: "Good morning", replace: true });
  next.say("stream_end", end(id));
  await app.until(() => app.answer(id)?.status === "completed");
  expect(app.text(id)).toBe("Good morning");
  expect(app.answers.filter(({ status }) => status === "completed")).toHaveLength(1);
  expect(next.unheard).toBe(0);
});

test("after a crash, a running answer goes on", async () => {
  const { app: first, peer, hello } = await loggedIn();
  const id = String(await first.invoke("home", "Hi"));
  await peer.hear("home_request");
  peer.say("stream_start", { request_id: id, agent: "task_agent" });
  await first.until(() => first.answer(id) !== undefined);
  const {
    app,
    peer: next,
    hello: again,
  } = await restarted(first, { requests: [{ request_id: id, state: "running" }] });
  expect(again["device_id"]).toBe(hello["device_id"]);
  // The refresh token comes from the encrypted file, and was replaced there.
  expect([hello["token"], again["token"]]).toEqual(["token of refresh 1", "token of refresh 2"]);
  expect(again).not.toHaveProperty("resume");
  expect(await next.hear("watch")).toEqual({ type: "watch", request_id: id });
  next.say("stream_text", { request_id: id, block: 0, chunk: "Good morning", replace: true });
  next.say("stream_end", end(id));
  await app.until(() => app.answer(id)?.status === "completed");
  expect(app.text(id)).toBe("Good morning");
});

test("after a crash, a call that has run is answered from the file, and does not run again", async () => {
  const { app: first, peer } = await loggedIn();
  peer.say("tool_call", create());
  expect(await peer.hear("tool_accepted")).toMatchObject({ call_id: CALL });
  const result = await peer.hear("tool_result");
  expect(result).toMatchObject({ ok: true, data: { title: "Pay the rent" } });
  const { app: second, peer: next } = await restarted(first);
  next.say("tool_call", create({ offered_again: true, accepted: true }));
  expect(await next.hear("tool_result")).toEqual(result); // the same id: a second run would create another task
  next.say("tool_ack", { call_id: CALL });
  next.say("tool_call", { ...create({ call_id: REQUEST }), tool: "get_task", args: { id: "t1" } });
  expect(await next.hear("tool_result")).toMatchObject({ call_id: REQUEST, ok: true });
  const { peer: last } = await restarted(second);
  last.say("tool_call", create({ offered_again: true, accepted: true }));
  expect(await last.hear("tool_result")).toMatchObject({ ok: false, error: { code: "unknown" } });
});

test("after a crash during a question, the person is asked again, and the call runs once", async () => {
  const { app: first, peer } = await loggedIn();
  const call = { ...create({ requires_approval: true }), tool: "delete_task", args: { id: "t1" } };
  peer.say("tool_call", call);
  await first.until(() => first.dialogs.length === 1);
  const { app, peer: next } = await restarted(first);
  next.say("tool_call", { ...call, offered_again: true });
  await app.until(() => app.dialogs.length === 1);
  const [dialog] = app.dialogs;
  expect(dialog).toMatchObject({ message: "Delete this task? You can't undo this.", buttons: ["Keep", "Delete"] });
  if (dialog !== undefined) {
    app.press(dialog, "Delete");
  }
  expect(await next.hear("tool_accepted")).toMatchObject({ call_id: CALL });
  expect(await next.hear("tool_result")).toMatchObject({ ok: true, data: { id: "t1" } });
});
