import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AnswerEvent, ConnectOptions, Tessera } from "../../src/index.js";
import { DEVICE_ID, entered, type Frame, type Peer, ScriptedServer, SESSION_ID } from "./scripted-server.js";

let server: ScriptedServer;

beforeEach(async () => {
  server = await ScriptedServer.open();
});

afterEach(async () => {
  await server.close();
  vi.useRealTimers();
});

const OTHER_SESSION = SESSION_ID.replace(/2$/, "3");
const QUICK: Partial<ConnectOptions> = { backoff: { firstMs: 1, random: () => 0 } };
const end = (request_id: unknown, fields: object = {}): object => ({
  request_id,
  status: "completed",
  mutations: [],
  ...fields,
});

/** The client after its socket was lost: the next peer, which has heard the hello. */
async function cut(client: Tessera, peer: Peer): Promise<Peer> {
  const waiting = entered(client, "waiting");
  peer.vanish();
  await waiting;
  return await server.next();
}

/** Answer the hello, and wait until the client is online. Returns the hello. */
async function greet(client: Tessera, peer: Peer, ready: object): Promise<Frame> {
  const online = entered(client, "online");
  const hello = await peer.greet(ready);
  await online;
  return hello;
}

/** A request whose answer has begun. The last frame that the client has processed has `seq` 3. */
async function begun(): Promise<{ client: Tessera; peer: Peer; answer: ReturnType<Tessera["home"]>; id: unknown }> {
  const { client, peer } = await server.online(QUICK);
  const answer = client.home("Hi");
  const { request_id: id } = await peer.hear("home_request");
  const shown = new Promise<void>((resolve) => {
    const stop = answer.subscribe(() => {
      if (answer.snapshot.blocks.length > 0) {
        stop();
        resolve();
      }
    });
  });
  peer.say("stream_start", { request_id: id, agent: "task_agent" });
  peer.say("stream_text", { request_id: id, block: 0, chunk: "Good " });
  await shown;
  return { client, peer, answer, id };
}

describe("a lost connection", () => {
  test("is resumed from the last processed frame, and the answer goes on", async () => {
    const { client, peer, answer, id } = await begun();
    const next = await cut(client, peer);
    expect(answer.snapshot).toMatchObject({ status: "running", blocks: [{ text: "Good " }] });
    const hello = await greet(client, next, {
      seq: 6,
      resume: "resumed",
      requests: [{ request_id: id, state: "running" }],
    });
    expect(hello["resume"]).toEqual({ session_id: SESSION_ID, seq: 3 });
    next.say("stream_text", { request_id: id, block: 0, chunk: "Good morning", replace: true });
    next.say("stream_text", { request_id: id, block: 0, chunk: "!" });
    next.say("stream_end", end(id));
    expect(await answer.done).toMatchObject({ status: "completed", blocks: [{ text: "Good morning!" }] });
    expect(next.unheard).toBe(0);
  });

  test("a second cut before the replay resumes from the same frame", async () => {
    const { client, peer, id } = await begun();
    const second = await cut(client, peer);
    const ready = { resume: "resumed", requests: [{ request_id: id, state: "running" }] };
    await greet(client, second, { seq: 6, ...ready });
    const third = await cut(client, second);
    const hello = await greet(client, third, { seq: 9, ...ready });
    expect(hello["resume"]).toEqual({ session_id: SESSION_ID, seq: 3 });
  });

  test("a loop over an answer goes on, and no text is repeated", async () => {
    const { client, peer, answer, id } = await begun();
    const events: AnswerEvent[] = [];
    const loop = (async () => {
      for await (const event of answer) {
        events.push(event);
      }
    })();
    const next = await cut(client, peer);
    await greet(client, next, { seq: 6, resume: "resumed", requests: [{ request_id: id, state: "running" }] });
    next.say("stream_start", { request_id: id, agent: "task_agent" });
    next.say("stream_text", { request_id: id, block: 0, chunk: "Go", replace: true });
    next.say("stream_text", { request_id: id, block: 0, chunk: "od mor" });
    next.say("stream_text", { request_id: id, block: 0, chunk: "ning" });
    next.say("stream_end", end(id));
    await loop;
    expect(events.map((event) => (event.type === "text" ? event.chunk : event.type))).toEqual([
      "start",
      "Good ",
      "mor",
      "ning",
      "end",
    ]);
  });

  test("a session that the server has lost: the request is watched", async () => {
    const { client, peer, answer, id } = await begun();
    const next = await cut(client, peer);
    await greet(client, next, {
      seq: 1,
      session_id: OTHER_SESSION,
      resume: "lost",
      requests: [{ request_id: id, state: "running" }],
    });
    expect(await next.hear("watch")).toEqual({ type: "watch", request_id: id });
    next.say("stream_start", { request_id: id, agent: "task_agent" });
    next.say("stream_text", { request_id: id, block: 0, chunk: "Good morning", replace: true });
    next.say("stream_end", end(id));
    expect(await answer.done).toMatchObject({ blocks: [{ text: "Good morning" }] });
    const third = await cut(client, next);
    expect((await greet(client, third, {}))["resume"]).toEqual({ session_id: OTHER_SESSION, seq: 4 });
  });

  test("a request that has ended meanwhile gets its kept answer", async () => {
    const { client, peer, answer, id } = await begun();
    const next = await cut(client, peer);
    await greet(client, next, { resume: "lost", requests: [{ request_id: id, state: "completed" }] });
    await next.hear("watch");
    next.say("request_result", {
      request_id: id,
      status: "completed",
      agent: "task_agent",
      blocks: [{ block: 0, block_type: "text", content: "Good evening" }],
      mutations: [{ op: "create", entity: "task", id: "t1" }],
    });
    expect(await answer.done).toMatchObject({ blocks: [{ text: "Good evening" }], mutations: [{ id: "t1" }] });
  });

  test("a request that ended with its server fails and lists its changes", async () => {
    const { client, peer, answer, id } = await begun();
    const next = await cut(client, peer);
    const state = { request_id: id, state: "failed", reason: "server_lost" };
    await greet(client, next, { resume: "lost", requests: [state] });
    await next.hear("watch");
    next.say("request_result", {
      request_id: id,
      status: "failed",
      blocks: [],
      mutations: [{ op: "create", entity: "task", id: "t1" }],
      error: { code: "server_lost", message: "The server is gone.", retryable: false },
    });
    await expect(answer.done).rejects.toMatchObject({ code: "server_lost", retryable: false });
    expect(answer.snapshot.mutations).toMatchObject([{ id: "t1" }]);
  });

  test("a request that the server calls lost is rejected with the reason", async () => {
    const { client, peer, answer, id } = await begun();
    const next = await cut(client, peer);
    const state = { request_id: id, state: "lost", reason: "too many answers are kept" };
    await greet(client, next, { resume: "resumed", requests: [state] });
    await expect(answer.done).rejects.toMatchObject({
      code: "lost",
      retryable: false,
      requestId: id,
      message: expect.stringContaining("too many answers are kept"),
    });
    expect(answer.snapshot).toMatchObject({ status: "failed", blocks: [{ text: "Good ", open: false }] });
  });

  test("a request that had begun and that the server does not list is lost, and is not sent again", async () => {
    const { client, peer, answer } = await begun();
    const next = await cut(client, peer);
    await greet(client, next, { resume: "lost" });
    await expect(answer.done).rejects.toMatchObject({ code: "lost", retryable: false });
    client.home("next");
    expect(await next.hear("home_request")).toMatchObject({ message: "next" });
  });

  test("a request that the server never got is sent again with the same id", async () => {
    const { client, peer } = await server.online(QUICK);
    const answer = client.home("Hi", { sessionId: "chat-1" });
    const first = await peer.hear("home_request");
    const next = await cut(client, peer);
    await greet(client, next, { resume: "resumed" });
    expect(await next.hear("home_request")).toEqual(first);
    next.say("stream_end", end(answer.requestId));
    expect(await answer.done).toMatchObject({ status: "completed" });
  });

  test("a request that the server may have forgotten is not sent again", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { client, peer } = await server.online(QUICK);
    const answer = client.home("Hi");
    await peer.hear("home_request");
    const next = await cut(client, peer);
    vi.setSystemTime(Date.now() + 3_600_000);
    await greet(client, next, { resume: "lost" });
    await expect(answer.done).rejects.toMatchObject({ code: "lost" });
  });

  test("a cancel without a connection is sent after the resume", async () => {
    const { client, peer, answer, id } = await begun();
    const next = await cut(client, peer);
    answer.cancel();
    await greet(client, next, { resume: "resumed", requests: [{ request_id: id, state: "running" }] });
    expect(await next.hear("cancel")).toEqual({ type: "cancel", request_id: id });
    next.say("stream_end", end(id, { status: "cancelled" }));
    expect(await answer.done).toMatchObject({ status: "cancelled" });
  });

  test("a cancelled request that the server never got ends as cancelled", async () => {
    const { client, peer } = await server.online(QUICK);
    const answer = client.home("Hi");
    await peer.hear("home_request");
    const next = await cut(client, peer);
    answer.cancel();
    await greet(client, next, { resume: "resumed" });
    expect(await answer.done).toMatchObject({ status: "cancelled" });
    client.home("next");
    expect(await next.hear("home_request")).toMatchObject({ message: "next" });
  });

  test("a connection that is closed for good fails the answers", async () => {
    const { client, peer, answer } = await begun();
    const closed = entered(client, "closed");
    peer.close(4510);
    await closed;
    await expect(answer.done).rejects.toMatchObject({ code: "closed", closeCode: 4510 });
    client.retry();
    expect(await (await server.next()).greet()).not.toHaveProperty("resume");
  });
});

describe("attaching to a request by its id", () => {
  test("after a restart of the application shows what was known, then the server's frames", async () => {
    const { client: earlier, peer: gone, answer: old, id } = await begun();
    const known = old.snapshot;
    earlier.close();
    await gone.closed;
    const { client, peer } = await server.online(QUICK, { requests: [{ request_id: id, state: "running" }] });
    const answer = client.request(String(id), { known });
    expect(answer.snapshot).toMatchObject({ status: "running", blocks: [{ text: "Good " }] });
    expect(client.request(String(id).toUpperCase())).toBe(answer);
    expect(await peer.hear("watch")).toEqual({ type: "watch", request_id: id });
    peer.say("stream_start", { request_id: id, agent: "task_agent" });
    peer.say("stream_text", { request_id: id, block: 0, chunk: "Good morning", replace: true });
    peer.say("stream_end", end(id));
    expect(await answer.done).toMatchObject({ agent: "task_agent", blocks: [{ text: "Good morning" }] });
  });

  test("before the connection is there waits for it", async () => {
    const client = server.connect(QUICK);
    const answer = client.request(DEVICE_ID);
    const peer = await server.next();
    await greet(client, peer, {});
    expect(await peer.hear("watch")).toEqual({ type: "watch", request_id: DEVICE_ID });
    peer.say("error", { code: "unknown_request", message: "No such.", retryable: false, request_id: DEVICE_ID });
    await expect(answer.done).rejects.toMatchObject({ code: "unknown_request" });
  });

  test("is repeated after a cut, also if the session is resumed", async () => {
    const { client, peer } = await server.online(QUICK);
    client.request(DEVICE_ID);
    await peer.hear("watch");
    const next = await cut(client, peer);
    await greet(client, next, { resume: "resumed" });
    await next.hear("watch");
  });

  test("of another device stops following when it is cancelled", async () => {
    const { client, peer } = await server.online(QUICK);
    const answer = client.request(DEVICE_ID, { watchOnly: true });
    await peer.hear("watch");
    answer.cancel();
    expect(await peer.hear("unwatch")).toEqual({ type: "unwatch", request_id: DEVICE_ID });
    expect(await answer.done).toMatchObject({ status: "cancelled" });
  });

  test("a retry with the same id shows the kept answer", async () => {
    const { client, peer } = await server.online(QUICK);
    const answer = client.home("Hi", { requestId: DEVICE_ID });
    await peer.hear("home_request");
    peer.say("request_result", { request_id: DEVICE_ID, status: "completed", blocks: [], mutations: [] });
    expect(await answer.done).toMatchObject({ status: "completed" });
  });

  test("with an id that is not a UUID fails", async () => {
    const { client } = await server.online(QUICK);
    await expect(client.request("nope").done).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
