import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Frame, type Peer, ScriptedServer } from "../../../sdk/test/unit/scripted-server.js";
import { ElectronApp, LoginServer } from "./app.js";
import { compile } from "./build.js";

const CALL = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b11";
const REQUEST = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b12";

let server: ScriptedServer;
let login: LoginServer;
let folder: string;
const apps: ElectronApp[] = [];

beforeAll(compile, 60_000);

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

async function started(environment: Readonly<Record<string, string>> = {}): Promise<ElectronApp> {
  const options = { socketUrl: server.url, restUrl: login.url, userData: folder, environment };
  const app = await ElectronApp.start(options);
  apps.push(app);
  return app;
}

/** The app after the person has logged in, and its socket. */
async function loggedIn(
  environment: Readonly<Record<string, string>> = {},
  ready: object = {},
): Promise<{ app: ElectronApp; peer: Peer; hello: Frame }> {
  const app = await started(environment);
  expect(app.view.connection).toEqual({ name: "signed_out", error: null });
  expect(await app.invoke("login", "ann@example.com", "correct horse battery")).toEqual({ ok: true });
  const peer = await server.next();
  const hello = await peer.greet(ready);
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
  expect(hello["features"]).toEqual(["block_open", "ledger", "changes", "tool_events", "quota", "approvals"]);
  const id = await app.ask("Hi");
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
  await app.until(() => app.status(id) === "completed");
  expect(app.text(id)).toBe("Good morning");
  const ends = app.updates.filter((update) => update.type === "answer" && update.delta.fields.status === "completed");
  expect(ends).toHaveLength(1);
  expect(next.unheard).toBe(0);
});

test("after a crash, a running answer goes on", async () => {
  const { app: first, peer, hello } = await loggedIn();
  const id = await first.ask("Hi");
  await peer.hear("home_request");
  peer.say("stream_start", { request_id: id, agent: "task_agent" });
  await first.until(() => first.exchange(id)?.snapshot.agent === "task_agent");
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
  await app.until(() => app.status(id) === "completed");
  expect(app.text(id)).toBe("Good morning");
});

test("after a crash, a call that has run is answered from the file, and does not run again", async () => {
  const { app: first, peer } = await loggedIn();
  peer.say("tool_call", create());
  expect(await peer.hear("tool_accepted")).toMatchObject({ call_id: CALL });
  const result = await peer.hear("tool_result");
  expect(result).toMatchObject({ ok: true, data: { title: "Pay the rent" } });
  const { app: second, peer: next } = await restarted(first);
  expect(await next.hear("tool_result")).toEqual(result); // unasked: the new session may not know the call
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
  await first.until(() => first.view.questions.length === 1);
  const { app, peer: next } = await restarted(first);
  next.say("tool_call", { ...call, offered_again: true });
  await app.until(() => app.view.questions.length === 1);
  expect(app.view.questions[0]).toMatchObject({
    title: "Send the contract",
    call: { verb: "delete", entity: "task", callId: CALL },
  });
  await app.until(() => app.windowCalls.length > 0);
  expect(app.windowCalls).toEqual(["flash"]); // the window is not in front
  app.emit("decide", CALL, true);
  expect(await next.hear("tool_accepted")).toMatchObject({ call_id: CALL });
  expect(await next.hear("tool_result")).toMatchObject({ ok: true, data: { id: "t1" } });
  await app.until(() => app.view.questions.length === 0 && app.view.tasks.length === 1);
});

test("a question that was withdrawn leaves the page, and only a clear yes approves", async () => {
  const { app, peer } = await loggedIn();
  const call = { ...create({ requires_approval: true }), tool: "delete_task", args: { id: "t1" } };
  peer.say("tool_call", call);
  await app.until(() => app.view.questions.length === 1);
  peer.say("tool_cancel", { call_id: CALL });
  await app.until(() => app.view.questions.length === 0);
  peer.say("tool_call", { ...call, call_id: REQUEST });
  await app.until(() => app.view.questions.length === 1);
  app.emit("decide", REQUEST, "yes");
  expect(await peer.hear("tool_result")).toMatchObject({ call_id: REQUEST, ok: false, error: { code: "denied" } });
});

test("the page gets deltas: a long answer costs its length, not its square", async () => {
  const { app, peer } = await loggedIn();
  const id = await app.ask("Tell me a long story");
  peer.say("stream_start", { request_id: id, agent: "task_agent" });
  const chunk = "Once upon a time there was a server. ";
  for (let count = 0; count < 400; count += 1) {
    peer.say("stream_text", { request_id: id, block: 0, chunk });
  }
  peer.say("stream_end", end(id));
  await app.until(() => app.status(id) === "completed");
  expect(app.text(id)).toBe(chunk.repeat(400));
  const deltas = app.updates.filter((update) => update.type === "answer");
  const sent = deltas.reduce((size, update) => size + JSON.stringify(update).length, 0);
  // The text, at its end once more as a closed block, and at most 300 bytes around each of the deltas.
  expect(sent).toBeLessThan(2 * 400 * chunk.length + deltas.length * 300 + 1000);
});

test("the conversation and the tasks survive a restart, and a follow-up names the conversation", async () => {
  const ready = { changes: { last: 0, missed: "none" } };
  const { app: first, peer } = await loggedIn({}, ready);
  const id = await first.ask("Hi");
  const { conversation_id } = await peer.hear("home_request");
  peer.say("stream_text", { request_id: id, block: 0, chunk: "Good morning" });
  peer.say("stream_end", end(id));
  await first.until(() => first.status(id) === "completed");
  first.emit("finish-task", "t1", true);
  expect(await peer.hear("mutation")).toMatchObject({ op: "update", id: "t1", data: { status: "done" } });
  const { app, peer: next } = await restarted(first, ready);
  expect(app.text(id)).toBe("Good morning");
  expect(app.view.tasks.map(({ status }) => status)).toEqual(["done", "done"]);
  await next.hear("mutation"); // sent again, because the server has not acknowledged it
  await app.until(() => app.view.connection.name === "online");
  await app.ask("And then?");
  expect(await next.hear("home_request")).toMatchObject({ message: "And then?", conversation_id });
  await app.invoke("renew");
  await app.until(() => app.view.exchanges.length === 0);
  await next.hear("cancel");
  await app.ask("Something else");
  expect((await next.hear("home_request"))["conversation_id"]).not.toBe(conversation_id);
});

test("undo reverts what the agent changed", async () => {
  const { app, peer } = await loggedIn();
  const id = await app.ask("Delete the contract");
  await peer.hear("home_request");
  const call = { ...create({ request_id: id }), tool: "delete_task", args: { id: "t1" } };
  peer.say("tool_call", call);
  await peer.hear("tool_accepted");
  await peer.hear("tool_result");
  peer.say("stream_end", end(id));
  await app.until(() => app.status(id) === "completed");
  expect(app.exchange(id)?.undoable).toBe(1);
  expect(await app.invoke("undo", id)).toBe(0);
  await app.until(() => app.view.tasks.length === 2 && app.exchange(id)?.undoable === 0);
  expect(await peer.hear("mutation")).toMatchObject({ op: "create", id: "t1", data: { title: "Send the contract" } });
});

test("a second instance quits and shows the first one's window", async () => {
  const { app } = await loggedIn();
  const options = { socketUrl: server.url, restUrl: login.url, userData: folder };
  const second = new ElectronApp({ ...options, environment: { STAND_IN_SECOND: "1" } });
  expect(await second.exited).toBe(0);
  expect(second.isLoaded).toBe(false);
  app.happens("app", "second-instance");
  await app.until(() => app.windowCalls.length === 2);
  expect(app.windowCalls).toEqual(["restore", "focus"]);
});

test.each(["resume", "reconnect"])("the app connects without waiting after: %s", async (event) => {
  const { app, peer } = await loggedIn();
  peer.say("draining", { retry_after_ms: 3_600_000 }); // the wait is an hour
  peer.close(4001);
  await app.until(() => app.view.connection.name === "waiting");
  // The machine wakes up, or the page says that the network is back.
  if (event === "resume") {
    app.happens("power", event);
  } else {
    app.emit(event);
  }
  await (await server.next()).greet();
  await app.until(() => app.states.at(-1) === "online");
});

test("without a connection a message is not sent, a change waits, and the page is told", async () => {
  const { app, peer } = await loggedIn();
  peer.vanish();
  await app.until(() => app.states.at(-1) === "waiting");
  expect(await app.invoke("ask", "Hi")).toEqual({
    ok: false,
    message: "There is no connection. Your message was not sent.",
  });
  expect(app.view.exchanges).toEqual([]);
  app.emit("finish-task", "t1", true);
  await app.until(() => app.view.unsent === 1);
  app.emit("reconnect");
  const next = await server.next();
  await next.greet();
  expect(await next.hear("mutation")).toMatchObject({ id: "t1" });
});

test("only the keychain's ciphertext of the refresh token is on the disk", async () => {
  const { app } = await loggedIn();
  expect(app.view).toMatchObject({ email: "ann@example.com", keepsLogin: true });
  expect(contents(folder)).not.toMatch(/refresh 1|token of|correct horse/);
  // With another key in the keychain, the person logs in again.
  await app.kill();
  const next = await started({ STAND_IN_KEY: "77" });
  expect(next.view.connection.name).toBe("signed_out");
});

test.each([{ STAND_IN_KEY: "" }, { STAND_IN_BACKEND: "basic_text" }])(
  "without a keychain (%o), no token is on the disk",
  async (environment) => {
    const { app } = await loggedIn(environment);
    expect(app.view.keepsLogin).toBe(process.platform !== "linux" && environment.STAND_IN_KEY !== "");
    if (!app.view.keepsLogin) {
      expect(readFileSync(join(folder, "device", "account.json"), "utf8")).toBe("");
    }
  },
);

test("after a logout, nobody sees the person's data, and the person finds it again", async () => {
  const { app, peer } = await loggedIn();
  const id = await app.ask("Hi");
  await peer.hear("home_request");
  peer.say("stream_end", end(id));
  await app.until(() => app.status(id) === "completed");
  app.emit("finish-task", "t1", true);
  await app.until(() => app.view.tasks[0]?.status === "done");
  await app.invoke("logout");
  await app.until(() => app.view.email === null);
  expect(app.view).toMatchObject({ exchanges: [], tasks: [], questions: [] });
  expect(login.calls.some(({ path }) => path.endsWith("/auth/logout"))).toBe(true);
  expect(await app.invoke("login", "ben@example.com", "wrong")).toEqual({
    ok: false,
    message: "The address or the password is wrong.",
  });
  await app.invoke("login", "ben@example.com", "correct horse battery");
  await app.until(() => app.view.email === "ben@example.com");
  expect(app.view.exchanges).toEqual([]);
  expect(app.view.tasks[0]?.status).toBe("todo");
  await app.invoke("logout");
  await app.invoke("login", "ann@example.com", "correct horse battery");
  await app.until(() => app.view.email === "ann@example.com");
  expect(app.view.exchanges.map(({ message }) => message)).toEqual(["Hi"]);
  expect(app.view.tasks[0]?.status).toBe("done");
});

test("a login says that this device has logged in before", async () => {
  const { app } = await loggedIn();
  await app.invoke("logout");
  await app.invoke("login", "ann@example.com", "correct horse battery");
  await app.until(() => app.view.email === "ann@example.com");
  const logins = login.calls.filter(({ path }) => /\/auth\/(login|register)$/.test(path));
  expect(logins.map(({ body }) => body["device_token"])).toEqual([undefined, "known ann@example.com"]);
});

test("when the login has ended, the person logs in again", async () => {
  const { app, peer } = await loggedIn();
  await app.kill();
  await fetch(`${login.url}/refresh`, { method: "POST", body: JSON.stringify({ refresh_token: "refresh 1" }) });
  const next = await started();
  await next.until(() => next.view.connection.name === "signed_out");
  expect(next.view.connection).toMatchObject({ error: { code: "token_unavailable" } });
  expect(peer.unheard).toBe(0);
});

test("the page is sandboxed, and a foreign frame gets nothing", async () => {
  const { app } = await loggedIn();
  expect(app.webPreferences).toMatchObject({ contextIsolation: true, nodeIntegration: false, sandbox: true });
  await expect(app.invokeFromForeignFrame("ask", "Hi")).rejects.toThrow("may not call");
  await expect(app.invoke("ask", { toString: "Hi" })).rejects.toThrow("must be a string");
});

/** The contents of all files in `path`. */
function contents(path: string): string {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}
