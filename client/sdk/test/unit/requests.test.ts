import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Forgetting } from "../../src/forgetting.js";
import { type FrameRecord, type TesseraError, thenable, type WsServerMutation } from "../../src/index.js";
import { DEVICE_ID, entered, type Frame, type Peer, ScriptedServer, SESSION_ID } from "./scripted-server.js";

let server: ScriptedServer;

beforeEach(async () => {
  server = await ScriptedServer.open();
});

afterEach(() => server.close());

const idOf = (frame: Frame): unknown => frame["request_id"];
const end = (request_id: unknown, status = "completed"): object => ({ request_id, status, mutations: [] });

describe("a request", () => {
  test("from home is sent with the conversation so far", async () => {
    const { client, peer } = await server.online();
    const history = [{ role: "user", content: "Hi" }] as const;
    const answer = client.home("And now?", { history, conversationId: "chat-1" });
    expect(await peer.hear("home_request")).toEqual({
      type: "home_request",
      request_id: answer.requestId,
      message: "And now?",
      conversation_history: [{ role: "user", content: "Hi" }],
      conversation_id: "chat-1",
    });
    expect(answer.requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("from a popup names its scope", async () => {
    const { client, peer } = await server.online();
    const answer = client.popup("Shorter", { type: "note", id: "n1" }, { requestId: DEVICE_ID.toUpperCase() });
    expect(await peer.hear("popup_request")).toEqual({
      type: "popup_request",
      request_id: DEVICE_ID,
      message: "Shorter",
      scope: { type: "note", id: "n1" },
    });
    peer.say("popup_domain", { request_id: DEVICE_ID, domain: "notes" });
    peer.say("stream_end", end(DEVICE_ID));
    expect(await answer.done).toMatchObject({ domain: "notes", agent: null });
  });

  test("gets only its own frames when several run", async () => {
    const { client, peer } = await server.online();
    const answers = [client.home("a"), client.home("b")];
    const ids = [idOf(await peer.hear("home_request")), idOf(await peer.hear("home_request"))];
    for (const text of ["1", "2"]) {
      ids.forEach((request_id, at) => {
        peer.say("stream_text", { request_id, block: 0, chunk: `${"ab"[at]}${text}` });
      });
    }
    for (const id of ids) {
      peer.say("stream_end", end(id));
    }
    const blocks = await Promise.all(answers.map(async (answer) => (await answer.done).blocks));
    expect(blocks).toMatchObject([[{ text: "a1a2" }], [{ text: "b1b2" }]]);
  });

  test("without a connection fails immediately", async () => {
    const client = server.connect();
    const answer = client.home("Hi");
    expect(answer.snapshot).toMatchObject({ status: "failed", error: { code: "offline", retryable: true } });
    await expect(answer.done).rejects.toMatchObject({ code: "offline" });
    await expect(client.forget(DEVICE_ID)).rejects.toMatchObject({ code: "offline" });
    const peer = await server.next();
    await peer.greet();
    await client.ready();
    client.mutate({ op: "delete", entity: "task", id: "t2" });
    // The failed request was not queued.
    expect(await peer.hear("mutation")).toMatchObject({ id: "t2" });
  });

  test("with the option `queue` waits for the connection, and is sent once", async () => {
    const client = server.connect();
    const kept = client.home("Hi", { queue: true });
    const given = client.home("No", { queue: true });
    expect(kept.snapshot).toMatchObject({ status: "running", queued: true });
    given.cancel();
    expect(given.snapshot).toEqual({ ...given.snapshot, status: "cancelled", queued: undefined });
    const peer = await server.next();
    await peer.greet();
    expect(await peer.hear("home_request")).toMatchObject({ message: "Hi", request_id: kept.requestId });
    expect("queued" in kept.snapshot).toBe(false);
    peer.say("stream_end", end(kept.requestId));
    expect(await kept.done).toMatchObject({ status: "completed" });
    client.mutate({ op: "delete", entity: "task", id: "t2" });
    // The next frame: the cancelled request was not sent, and the other one only once.
    await peer.hear("mutation");
  });

  test("that waits for the connection fails if there will be none", async () => {
    const client = server.connect();
    const answer = client.home("Hi", { queue: true });
    client.close();
    await expect(answer.done).rejects.toMatchObject({ code: "closed" });
    expect(client.home("Hi", { queue: true }).snapshot).toMatchObject({ status: "failed", error: { code: "offline" } });
  });

  test("fails with closed when the application closes", async () => {
    const { client } = await server.online();
    const answer = client.home("Hi");
    client.close();
    await expect(answer.done).rejects.toMatchObject({ code: "closed" });
  });

  test("that is refused fails with the server's error", async () => {
    const { client, peer } = await server.online();
    const answer = client.home("Hi");
    const request_id = idOf(await peer.hear("home_request"));
    peer.say("error", { code: "too_many_requests", message: "At most 8.", retryable: true, request_id });
    const error = await answer.done.catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "too_many_requests", message: "At most 8.", retryable: true });
  });

  test("with the id of a running request fails without being sent", async () => {
    const { client, peer } = await server.online();
    client.home("a", { requestId: DEVICE_ID });
    const again = client.home("b", { requestId: DEVICE_ID });
    await expect(again.done).rejects.toMatchObject({ code: "duplicate_request" });
    await peer.hear("home_request");
    client.home("c");
    expect(await peer.hear("home_request")).toMatchObject({ message: "c" });
  });

  test.each(["not-uuid", "", DEVICE_ID.replaceAll("-", ""), `{${DEVICE_ID}}`])(
    "with an id that is not a UUID fails without being sent: %s",
    async (requestId) => {
      const { client, peer } = await server.online();
      const asked = [client.home("a", { requestId }), client.popup("b", { type: "task" }, { requestId })];
      for (const answer of asked) {
        await expect(answer.done).rejects.toMatchObject({ code: "invalid_argument", retryable: false });
      }
      client.home("c");
      expect(await peer.hear("home_request")).toMatchObject({ message: "c" });
    },
  );

  test("after the connection is closed for good is not retryable", async () => {
    const { client, peer } = await server.online();
    const closed = entered(client, "closed");
    peer.close(4503);
    await closed;
    const final = client.home("Hi");
    expect(final.snapshot).toMatchObject({ status: "failed", error: { code: "offline", retryable: false } });
    client.retry();
    expect(client.home("Hi").snapshot).toMatchObject({ error: { code: "offline", retryable: true } });
    client.close();
    expect(client.home("Hi").snapshot).toMatchObject({ error: { code: "offline", retryable: false } });
  });

  test("larger than the server accepts fails, and the connection stays", async () => {
    const { client, peer } = await server.online();
    // Four bytes each in UTF-8, two units in JavaScript.
    const answer = client.home("😀".repeat(2500));
    await expect(answer.done).rejects.toMatchObject({ code: "too_large" });
    client.home("😀".repeat(2400));
    expect((await peer.hear("home_request"))["message"]).toHaveLength(4800);
  });

  test("over the rate that is named fails alone, and other frames over the rate fail no request", async () => {
    const { client, peer } = await server.online();
    const [waiting, unread] = [client.home("waiting"), client.home("unread")];
    const request_id = idOf(await peer.hear("home_request"));
    await peer.hear("home_request");
    const refused = { code: "rate_limited", message: "Too many frames.", retryable: true };
    peer.say("error", { ...refused, frame_type: "ping" });
    peer.say("error", { ...refused, frame_type: "home_request", request_id: unread.requestId });
    await expect(unread.done).rejects.toMatchObject({ code: "rate_limited", retryable: true });
    peer.say("stream_start", { request_id, agent: "task_agent" });
    peer.say("stream_end", end(request_id));
    expect(await waiting.done).toMatchObject({ status: "completed" });
  });

  test("that was not read fails, and requests that were read continue", async () => {
    const { client, peer } = await server.online();
    const begun = client.home("begun");
    const unread = client.home("unread");
    const request_id = idOf(await peer.hear("home_request"));
    await peer.hear("home_request");
    peer.say("stream_start", { request_id, agent: "task_agent" });
    peer.say("error", { code: "rate_limited", message: "Too many frames.", retryable: true });
    await expect(unread.done).rejects.toMatchObject({ code: "rate_limited", retryable: true });
    expect(await peer.hear("cancel")).toMatchObject({ request_id: unread.requestId });
    peer.say("stream_end", end(request_id));
    expect(await begun.done).toMatchObject({ status: "completed" });
  });
});

describe("requests past the server's limit", () => {
  const two = { limits: { max_frame_bytes: 10_000, max_concurrent_requests: 2, max_message_chars: 20_000 } };
  const heardMessage = async (peer: Peer): Promise<unknown> => (await peer.hear("home_request"))["message"];

  test("wait, and are sent in order when an earlier one ends", async () => {
    const { client, peer } = await server.online({}, two);
    const answers = ["a", "b", "c", "d"].map((message) => client.home(message));
    expect([await heardMessage(peer), await heardMessage(peer)]).toEqual(["a", "b"]);
    client.mutate({ op: "delete", entity: "task", id: "t1" });
    await peer.hear("mutation"); // nothing else was sent
    expect(answers[2]?.snapshot.status).toBe("running");
    peer.say("stream_end", end(answers[1]?.requestId));
    expect(await heardMessage(peer)).toBe("c");
    peer.say("stream_end", end(answers[0]?.requestId));
    expect(await heardMessage(peer)).toBe("d");
    peer.say("stream_end", end(answers[2]?.requestId));
    peer.say("stream_end", end(answers[3]?.requestId));
    expect(await Promise.all(answers.map(async ({ done }) => (await done).status))).toEqual(Array(4).fill("completed"));
  });

  test("are cancelled without being sent", async () => {
    const { client, peer } = await server.online({}, two);
    const answers = ["a", "b", "c"].map((message) => client.home(message));
    answers[2]?.cancel();
    expect(await answers[2]?.done).toMatchObject({ status: "cancelled" });
    await peer.hear("home_request");
    await peer.hear("home_request");
    peer.say("stream_end", end(answers[0]?.requestId));
    await answers[0]?.done;
    expect(peer.unheard).toBe(0);
  });

  test("are sent by the next connection, if the first one is lost", async () => {
    const { client, peer } = await server.online({ backoff: { random: () => 1, firstMs: 1 } }, two);
    const answers = ["a", "b", "c"].map((message) => client.home(message));
    await peer.hear("home_request");
    await peer.hear("home_request");
    peer.vanish();
    const next = await server.next();
    const requests = answers.slice(0, 2).map(({ requestId }) => ({ request_id: requestId, state: "running" }));
    await next.greet({ ...two, resume: "resumed", requests });
    next.say("stream_end", end(answers[0]?.requestId));
    expect(await heardMessage(next)).toBe("c");
  });

  test("that the server refuses are queued while another one runs here", async () => {
    const { client, peer } = await server.online();
    const first = client.home("a");
    const second = client.home("b");
    await peer.hear("home_request");
    await peer.hear("home_request");
    const refusal = { code: "too_many_requests", message: "At most 1.", retryable: true };
    peer.say("error", { ...refusal, request_id: second.requestId });
    peer.say("stream_end", end(first.requestId));
    expect(await heardMessage(peer)).toBe("b");
    peer.say("error", { ...refusal, request_id: second.requestId });
    await expect(second.done).rejects.toMatchObject({ code: "too_many_requests" });
  });
});

test("an async function returns an answer with its events", async () => {
  const { client, peer } = await server.online();
  const ask = async () => client.home("Hi");
  const answer = await ask();
  await peer.hear("home_request");
  peer.say("stream_text", { request_id: answer.requestId, block: 0, chunk: "Hello" });
  peer.say("stream_end", end(answer.requestId));
  const seen: string[] = [];
  for await (const event of answer) seen.push(event.type);
  expect(seen).toEqual(["text", "end"]);
  expect(await thenable(answer)).toBe(answer.snapshot);
  await expect(thenable(answer).finally()).resolves.toBe(answer.snapshot);
  expect(await thenable(client.request("nope")).catch((error) => (error as TesseraError).code)).toBe(
    "invalid_argument",
  );
});

describe("a frame that the server could not read", () => {
  test("fails the oldest request that has no answer yet, if the error names none", async () => {
    const { client, peer } = await server.online();
    const [begun, oldest, next] = [client.home("A"), client.home("B"), client.home("C")];
    const request_id = idOf(await peer.hear("home_request"));
    await peer.hear("home_request");
    await peer.hear("home_request");
    peer.say("stream_start", { request_id, agent: "task_agent" });
    peer.say("error", { code: "invalid_frame", message: "This text is not JSON.", retryable: false });
    await expect(oldest.done).rejects.toMatchObject({ code: "invalid_frame" });
    expect(await peer.hear("cancel")).toMatchObject({ request_id: oldest.requestId });
    peer.say("stream_end", end(request_id));
    expect(await begun.done).toMatchObject({ status: "completed" });
    peer.say("error", { code: "internal", message: "No.", retryable: false, frame_type: "home_request" });
    await expect(next.done).rejects.toMatchObject({ code: "internal" });
  });

  test("leaves requests alone if it was a frame of another type", async () => {
    const { client, peer } = await server.online();
    const answer = client.home("Hi");
    const request_id = idOf(await peer.hear("home_request"));
    const other = new Promise((resolve) => client.on("error", resolve));
    peer.say("error", { code: "invalid_frame", message: "No.", retryable: false, frame_type: "tool_result" });
    expect(await other).toMatchObject({ code: "invalid_frame" });
    peer.say("stream_start", { request_id, agent: "task_agent" });
    peer.say("stream_end", end(request_id));
    expect(await answer.done).toMatchObject({ status: "completed" });
  });

  test.each([{ call_id: true }, { data_id: true }, { call_id: true, request_id: true, frame_type: "tool_result" }])(
    "leaves requests alone if the error names another frame: %o",
    async (named) => {
      const { client, peer } = await server.online();
      const answer = client.home("Hi");
      const request_id = idOf(await peer.hear("home_request"));
      const other = new Promise((resolve) => client.on("error", resolve));
      const ids = Object.fromEntries(
        Object.entries(named).map(([name, value]) => {
          const id = name === "request_id" ? request_id : DEVICE_ID;
          return [name, value === true ? id : value];
        }),
      );
      peer.say("error", { code: "invalid_frame", message: "No.", retryable: false, ...ids });
      expect(await other).toMatchObject({ code: "invalid_frame" });
      peer.say("stream_start", { request_id, agent: "task_agent" });
      peer.say("stream_end", end(request_id));
      expect(await answer.done).toMatchObject({ status: "completed" });
    },
  );

  test("fails the wish to forget whose memory the error names", async () => {
    const { client, peer } = await server.online();
    const answer = client.home("Hi");
    const refused = client.forget(DEVICE_ID);
    const request_id = idOf(await peer.hear("home_request"));
    await peer.hear("memory_forget");
    const fields = { code: "invalid_frame", message: "No.", retryable: false, frame_type: "memory_forget" };
    const another = new Promise((resolve) => client.on("error", resolve));
    peer.say("error", { ...fields, memory_id: answer.requestId });
    expect(await another).toMatchObject({ code: "invalid_frame" });
    peer.say("error", { ...fields, memory_id: DEVICE_ID });
    await expect(refused).rejects.toMatchObject({ code: "invalid_frame" });
    peer.say("stream_start", { request_id, agent: "task_agent" });
    peer.say("stream_end", end(request_id));
    expect(await answer.done).toMatchObject({ status: "completed" });
  });
});

describe("cancelling", () => {
  test("sends `cancel` and waits for stream_end", async () => {
    const { client, peer } = await server.online();
    const answer = client.home("Hi");
    const request_id = idOf(await peer.hear("home_request"));
    answer.cancel();
    expect(await peer.hear("cancel")).toEqual({ type: "cancel", request_id });
    expect(answer.snapshot.status).toBe("running");
    peer.say("stream_end", end(request_id, "cancelled"));
    expect(await answer.done).toMatchObject({ status: "cancelled" });
  });

  test("by a signal", async () => {
    const { client, peer } = await server.online();
    const controller = new AbortController();
    const answer = client.popup("Hi", { type: "task" }, { signal: controller.signal });
    const request_id = idOf(await peer.hear("popup_request"));
    controller.abort();
    await peer.hear("cancel");
    peer.say("stream_end", end(request_id, "cancelled"));
    expect(await answer.done).toMatchObject({ status: "cancelled" });
  });

  test("by an already aborted signal sends nothing", async () => {
    const { client, peer } = await server.online();
    expect(await client.home("Hi", { signal: AbortSignal.abort() }).done).toMatchObject({ status: "cancelled" });
    client.home("next");
    expect(await peer.hear("home_request")).toMatchObject({ message: "next" });
  });

  test("by leaving the loop", async () => {
    const { client, peer } = await server.online();
    const answer = client.home("Hi");
    const request_id = idOf(await peer.hear("home_request"));
    peer.say("stream_start", { request_id, agent: "task_agent" });
    for await (const _ of answer) {
      break;
    }
    expect(await peer.hear("cancel")).toMatchObject({ request_id });
  });

  test("after the end changes nothing, also when the error overtakes the end", async () => {
    const { client, peer } = await server.online();
    const errors = vi.fn();
    client.on("error", errors);
    const answer = client.home("Hi");
    const request_id = idOf(await peer.hear("home_request"));
    answer.cancel();
    await peer.hear("cancel");
    peer.say("error", { code: "unknown_request", message: "No such request.", retryable: false, request_id });
    peer.say("stream_end", end(request_id));
    expect(await answer.done).toMatchObject({ status: "completed" });
    expect(errors).not.toHaveBeenCalled();
  });
});

describe("forgetting", () => {
  const other = DEVICE_ID.replace(/1$/, "9");

  test("resolves to the tiers", async () => {
    const { client, peer } = await server.online();
    const forgotten = client.forget(DEVICE_ID);
    expect(await peer.hear("memory_forget")).toEqual({ type: "memory_forget", memory_id: DEVICE_ID });
    peer.say("memory_forgotten", { memory_id: DEVICE_ID, tiers: ["core", "episodic"] });
    expect(await forgotten).toEqual(["core", "episodic"]);
  });

  const PREVIEW = {
    tiers: ["core", "episodic"],
    removed: { core: [DEVICE_ID], episodic: [other] },
    counts: { core: 1, episodic: 1 },
    restored: [],
    redacted: [],
    mentioned: [SESSION_ID],
  };

  test("a preview resolves to what would be removed", async () => {
    const { client, peer } = await server.online();
    const preview = client.previewForget(DEVICE_ID);
    const forgotten = client.forget(DEVICE_ID);
    expect(await peer.hear("memory_forget_preview")).toEqual({ type: "memory_forget_preview", memory_id: DEVICE_ID });
    peer.say("memory_forgotten", { memory_id: DEVICE_ID, tiers: ["core"] }); // does not answer the preview
    peer.say("memory_preview", { memory_id: DEVICE_ID, ...PREVIEW });
    expect(await preview).toEqual(PREVIEW);
    await peer.hear("memory_forget");
    peer.say("memory_preview", { memory_id: DEVICE_ID, ...PREVIEW }); // does not answer the wish to forget
    peer.say("memory_forgotten", { memory_id: DEVICE_ID, tiers: ["core", "episodic"] });
    expect(await forgotten).toEqual(["core", "episodic"]);
  });

  test("an older server refuses a preview", async () => {
    const { client, peer } = await server.online();
    const preview = client.previewForget(DEVICE_ID);
    await peer.hear("memory_forget_preview");
    peer.say("error", { code: "unknown_type", message: "No such frame.", retryable: false });
    await expect(preview).rejects.toMatchObject({ code: "unknown_type" });
  });

  test("an error that names the other frame does not end a preview", async () => {
    const { client, peer } = await server.online();
    const preview = client.previewForget(DEVICE_ID);
    await peer.hear("memory_forget_preview");
    const refusal = { code: "memory_unavailable", message: "Not now.", retryable: true };
    peer.say("error", { ...refusal, frame_type: "memory_forget" });
    peer.say("error", { ...refusal, code: "unknown_memory", frame_type: "memory_forget_preview" });
    await expect(preview).rejects.toMatchObject({ code: "unknown_memory" });
  });

  test("sends one frame at a time, so that a refusal belongs to it", async () => {
    const { client, peer } = await server.online();
    const refused = client.forget(DEVICE_ID);
    const forgotten = client.forget(other);
    await peer.hear("memory_forget");
    peer.say("error", { code: "unknown_memory", message: "Memory has none.", retryable: false });
    await expect(refused).rejects.toMatchObject({ code: "unknown_memory" });
    expect(await peer.hear("memory_forget")).toMatchObject({ memory_id: other });
    peer.say("memory_forgotten", { memory_id: other, tiers: ["core"] });
    expect(await forgotten).toEqual(["core"]);
  });

  test("an id that is not a UUID is rejected locally, and the next is sent", async () => {
    const { client, peer } = await server.online();
    await expect(client.forget("nope")).rejects.toMatchObject({ code: "invalid_argument" });
    const forgotten = client.forget(other);
    expect(await peer.hear("memory_forget")).toMatchObject({ memory_id: other });
    peer.say("memory_forgotten", { memory_id: other, tiers: ["core"] });
    expect(await forgotten).toEqual(["core"]);
  });

  test.each(["memory_unavailable", "rate_limited", "invalid_frame", "unknown_type", "internal"])(
    "fails with an error that may belong to it: %s",
    async (code) => {
      const { client, peer } = await server.online();
      const refused = client.forget(DEVICE_ID);
      await peer.hear("memory_forget");
      peer.say("error", { code, message: "No.", retryable: true });
      await expect(refused).rejects.toMatchObject({ code });
      client.forget(other).catch(() => undefined);
      expect(await peer.hear("memory_forget")).toMatchObject({ memory_id: other });
    },
  );

  test("fails together with a request when the error may belong to either", async () => {
    const { client, peer } = await server.online();
    const both = Promise.allSettled([client.home("Hi").done, client.forget(DEVICE_ID)]);
    await peer.hear("home_request");
    await peer.hear("memory_forget");
    peer.say("error", { code: "rate_limited", message: "Too many frames.", retryable: true });
    expect(await both).toMatchObject([{ reason: { code: "rate_limited" } }, { reason: { code: "rate_limited" } }]);
  });

  test("is not affected by an error that names a request", async () => {
    const { client, peer } = await server.online();
    const forgotten = client.forget(DEVICE_ID);
    const answer = client.home("Hi");
    await peer.hear("memory_forget");
    peer.say("error", { code: "invalid_frame", message: "No.", retryable: false, request_id: answer.requestId });
    await expect(answer.done).rejects.toMatchObject({ code: "invalid_frame" });
    peer.say("memory_forgotten", { memory_id: DEVICE_ID, tiers: ["core"] });
    expect(await forgotten).toEqual(["core"]);
  });

  test("fails after the timeout, and the next is sent", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const sent: unknown[] = [];
      const forgetting = new Forgetting((frame) => sent.push(frame));
      const [silent, next] = [forgetting.forget(DEVICE_ID), forgetting.forget(other)];
      vi.advanceTimersByTime(9_999);
      expect(sent).toHaveLength(1);
      vi.advanceTimersByTime(1);
      expect(sent).toMatchObject([{ memory_id: DEVICE_ID }, { memory_id: other }]);
      forgetting.answered({ type: "memory_forgotten", seq: 1, memory_id: other, tiers: ["core"] });
      // A wish that was answered has no timer any more.
      expect(vi.getTimerCount()).toBe(0);
      return Promise.all([
        expect(silent).rejects.toMatchObject({ code: "timeout", retryable: true }),
        expect(next).resolves.toEqual(["core"]),
      ]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("fails with the connection", async () => {
    const { client, peer } = await server.online();
    const asked = Promise.allSettled([client.forget(DEVICE_ID), client.forget(other)]);
    await peer.hear("memory_forget");
    peer.close(4000);
    expect(await asked).toMatchObject([{ reason: { code: "disconnected" } }, { reason: { code: "disconnected" } }]);
  });
});

describe("a frame from the server", () => {
  /** Sends a frame whose answer shows that all frames before it have been processed. */
  async function settled(peer: Peer): Promise<void> {
    peer.say("tool_call", { call_id: DEVICE_ID, request_id: DEVICE_ID, tool: "none", args: {}, deadline_ms: 1000 });
    await peer.hear("tool_result");
  }

  test("of an unknown type is ignored", async () => {
    const { client, peer } = await server.online();
    const errors = vi.fn();
    client.on("error", errors);
    peer.say("sunrise", { colour: "red" });
    peer.say("stream_text", { request_id: DEVICE_ID, block: 0, chunk: "nobody's" });
    peer.say("stream_end", end(DEVICE_ID));
    peer.say("tool_cancel", { call_id: DEVICE_ID });
    peer.say("memory_forgotten", { memory_id: DEVICE_ID, tiers: [] });
    await settled(peer);
    expect(errors).not.toHaveBeenCalled();
  });

  test("with unknown fields is accepted", async () => {
    const { client, peer } = await server.online();
    const answer = client.home("Hi");
    const request_id = idOf(await peer.hear("home_request"));
    peer.say("stream_text", { request_id, block: 0, chunk: "Hi", mood: "good" });
    peer.say("stream_end", { ...end(request_id), mood: "good" });
    expect((await answer.done).blocks).toEqual([{ index: 0, type: "text", text: "Hi", open: false }]);
  });

  test.each(["not json", "[1]", "null", '{"seq":1}', '{"type":7}'])("that is invalid is reported: %s", async (text) => {
    const { client, peer } = await server.online();
    const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
    peer.sayText(text);
    expect(await reported).toMatchObject({ code: "bad_frame" });
    await settled(peer);
  });

  test.each([
    ["stream_text", { chunk: "no block" }],
    ["stream_text", { block: 0 }],
    ["stream_text", { block: -1, chunk: "a" }],
    ["stream_text", { block: "0", chunk: "a" }],
    ["block_open", { block: 0 }],
    ["stream_block", { block: 0, block_type: "table" }],
    ["stream_block", { block: 0, block_type: "table", data: [] }],
    ["stream_start", {}],
    ["stream_end", {}],
    ["error", { message: "no code" }],
    ["mutation", { op: "delete" }],
  ])("and is malformed is reported and else ignored: %s %j", async (type, fields) => {
    const { client, peer } = await server.online();
    const told = vi.fn();
    client.on("mutation", told);
    const answer = client.home("Hi");
    const request_id = idOf(await peer.hear("home_request"));
    const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
    peer.say(type, { request_id, ...fields });
    expect(await reported).toMatchObject({ code: "bad_frame" });
    expect(answer.snapshot).toMatchObject({ status: "running", agent: null, blocks: [] });
    peer.say("stream_end", end(request_id));
    expect(await answer.done).toMatchObject({ status: "completed", blocks: [] });
    expect(told).not.toHaveBeenCalled();
  });

  test("stream_end with an unknown status is a failure", async () => {
    const { client, peer } = await server.online();
    const answer = client.home("Hi");
    peer.say("stream_end", end(idOf(await peer.hear("home_request")), "exploded"));
    await expect(answer.done).rejects.toMatchObject({ code: "internal" });
  });

  test("that is binary is reported as an error", async () => {
    const { client, peer } = await server.online();
    const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
    peer.sayBytes(new TextEncoder().encode('{"type":"pong"}'));
    expect(await reported).toMatchObject({ code: "bad_frame" });
  });

  test("with an error that belongs to no call is reported", async () => {
    const { client, peer } = await server.online();
    const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
    peer.say("error", { code: "unauthorized", message: "Not valid.", retryable: false });
    expect(await reported).toMatchObject({ code: "unauthorized", message: "Not valid." });
  });

  test("with a mutation is reported", async () => {
    const { client, peer } = await server.online();
    const told = new Promise<WsServerMutation>((resolve) => client.on("mutation", resolve));
    peer.say("mutation", { op: "update", entity: "task", id: "t1", data: { status: "done" } });
    expect(await told).toMatchObject({ op: "update", id: "t1", data: { status: "done" } });
  });
});

test("changes that the person made are sent", async () => {
  const { client, peer } = await server.online();
  client.mutate({ op: "create", entity: "note", id: "n1", data: { title: "Zähne" } });
  expect(await peer.hear("mutation")).toEqual({
    type: "mutation",
    op: "create",
    entity: "note",
    id: "n1",
    data: { title: "Zähne" },
    mutation_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

test("every frame can be inspected, without the tokens", async () => {
  const client = server.connect();
  const records: FrameRecord[] = [];
  const leave = client.on("frame", (record) => records.push(record));
  const peer = await server.next();
  await peer.greet();
  await client.ready();
  client.home("Zähne");
  await peer.hear("home_request");
  leave();
  client.home("unseen");
  const summary = records.map(({ direction, frame }) => [direction, (frame as Frame).type]);
  expect(summary).toEqual([
    ["out", "device_hello"],
    ["in", "device_ready"],
    ["out", "home_request"],
  ]);
  expect(JSON.stringify(records)).not.toContain('"token":"token"');
  expect(records[2]?.bytes).toBe(new TextEncoder().encode(JSON.stringify(records[2]?.frame)).length);
});

test("a listener that throws does not affect others", async () => {
  const { client, peer } = await server.online();
  const uncaught = new Promise<unknown>((resolve) => {
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => {
      for (const listener of others) {
        process.on("uncaughtException", listener);
      }
      resolve(error);
    });
  });
  client.on("mutation", () => {
    throw new Error("mine");
  });
  const told = new Promise((resolve) => client.on("mutation", resolve));
  peer.say("mutation", { op: "delete", entity: "task", id: "t1" });
  expect(await told).toMatchObject({ id: "t1" });
  expect(await uncaught).toMatchObject({ message: "mine" });
  expect(client.state.name).toBe("online");
});
