import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ConnectOptions, connect, TesseraError, type TokenReason } from "../../src/index.js";
import { DEVICE_ID, entered, type Peer, ScriptedServer } from "./scripted-server.js";

let server: ScriptedServer;

beforeEach(async () => {
  // The test controls the clock. Sockets are real; the tests wait for their events.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  server = await ScriptedServer.open();
});

afterEach(async () => {
  await server.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the handshake", () => {
  test("sends device_hello, and then the client is online", async () => {
    const locale = { time_zone: "Asia/Kathmandu", language: "ne-NP" };
    const client = server.connect({
      client: { name: "desk", version: "2", platform: "linux" },
      locale: () => locale,
      dates: "local_midnight",
    });
    expect(client.state).toEqual({ name: "connecting" });
    const peer = await server.next();
    expect(await peer.greet()).toEqual({
      type: "device_hello",
      token: "token",
      device_id: DEVICE_ID,
      protocol_versions: [3],
      client: { name: "desk", version: "2", platform: "linux" },
      features: ["block_open", "ledger", "changes", "tool_events", "quota"],
      locale,
      dates: "local_midnight",
    });
    const session = await client.ready();
    expect(session).toMatchObject({ protocol_version: 3, user_id: DEVICE_ID });
    expect(client.state).toEqual({ name: "online", session });
  });

  test("a time zone that the server does not know locks nobody out", async () => {
    const client = server.connect({ locale: () => ({ time_zone: "Europe/Newtown", language: "de" }) });
    const first = await server.next();
    await first.take();
    first.close(4500, "not a device_hello: device_hello.locale.time_zone: not a time zone");
    const second = await server.next();
    expect(await second.greet()).toMatchObject({ locale: { language: "de" } });
    expect((await client.ready()).protocol_version).toBe(3);
  });

  test("ready rejects with the reason after its time, and the client goes on connecting", async () => {
    const client = server.connect({ backoff: { random: () => 0.5, firstMs: 60_000, maxMs: 60_000 } });
    const waiting = entered(client, "waiting");
    (await server.next()).close(4000, "wrong place");
    await waiting;
    const refused = client.ready({ timeoutMs: 5000 }).catch((error: TesseraError) => error);
    await vi.advanceTimersByTimeAsync(5000);
    expect(await refused).toMatchObject({
      code: "timeout",
      retryable: true,
      message: "There was no session with the server within 5000 ms. The connection failed: wrong place (code 4000).",
      cause: { code: "connection_failed", closeCode: 4000 },
    });
    expect(client.state.name).toBe("waiting");
  });

  test("once is called for one event, or not after it was removed", async () => {
    const { client, peer } = await server.online();
    const seen: string[] = [];
    client.once("mutation", ({ id }) => seen.push(`once ${id}`));
    client.once("mutation", ({ id }) => seen.push(`removed ${id}`))();
    const twice = new Promise<void>((resolve) => {
      client.on("mutation", ({ id }) => {
        seen.push(`on ${id}`);
        if (id === "t2") resolve();
      });
    });
    for (const [at, id] of ["t1", "t2"].entries()) {
      peer.say("mutation", { op: "delete", entity: "task", id, change: at + 1 });
    }
    await twice;
    expect(seen).toEqual(["once t1", "on t1", "on t2"]);
  });

  test("a change of the time zone is told before the next request", async () => {
    let locale = { time_zone: "America/New_York" };
    const { client, peer } = await server.online({ locale: () => locale });
    client.home("What is due today?").cancel();
    expect((await peer.take()).type).toBe("home_request");
    locale = { time_zone: "Pacific/Auckland" };
    client.home("And today?").cancel();
    const frames = [await peer.take(), await peer.take(), await peer.take()];
    expect(frames.filter(({ type }) => type !== "cancel")).toMatchObject([
      { type: "locale_changed", locale },
      { type: "home_request" },
    ]);
  });

  test("frames before device_ready are ignored", async () => {
    const client = server.connect();
    const peer = await server.next();
    peer.say("pong");
    peer.say("device_ready", { heartbeat_s: "soon" });
    await peer.greet();
    expect((await client.ready()).heartbeat_s).toBe(25);
  });

  test("connects again if device_ready does not arrive in time", async () => {
    const client = server.connect({ handshakeTimeoutMs: 3000 });
    const peer = await server.next();
    await peer.hear("device_hello");
    const waiting = entered(client, "waiting");
    vi.advanceTimersByTime(2999);
    expect(client.state.name).toBe("connecting");
    vi.advanceTimersByTime(1);
    expect((await waiting).error).toMatchObject({ code: "connection_failed", retryable: true });
  });

  test.each(["http://127.0.0.1/", "nowhere"])("the URL %s is rejected immediately", (url) => {
    expect(() => server.connect({ url })).toThrow("must begin with ws:// or wss://");
  });

  test("does not try again if the platform refuses to open the socket", async () => {
    class Refused {
      constructor() {
        throw new DOMException("mixed content", "SecurityError");
      }
    }
    const client = server.connect({ WebSocket: Refused as unknown as ConnectOptions["WebSocket"] & {} });
    const { error } = await entered(client, "closed");
    expect(error).toMatchObject({ code: "connection_failed", retryable: false, cause: { name: "SecurityError" } });
  });

  test("a platform without WebSocket needs one as an option", () => {
    vi.stubGlobal("WebSocket", undefined);
    expect(() => connect({ url: server.url, deviceId: DEVICE_ID, getToken: () => "t" })).toThrow(/WebSocket/);
  });
});

describe("after the end of a session", () => {
  test.each([
    [4000, 375],
    [4008, 375],
    [4504, 375],
    [1011, 375],
    [1000, 375],
    [4001, 1250],
    [1013, 1250],
  ])("closed with %i, it connects again after %i ms", async (code, delay) => {
    const { client, peer } = await server.online();
    const waiting = entered(client, "waiting");
    peer.close(code, "because");
    const state = await waiting;
    expect(state.retryAt).toBe(Date.now() + delay);
    expect(state.error).toMatchObject({ code: "disconnected", closeCode: code, retryable: true });
    vi.advanceTimersByTime(delay - 1);
    expect(client.state.name).toBe("waiting");
    vi.advanceTimersByTime(1);
    expect(client.state.name).toBe("connecting");
    await (await server.next()).greet();
    await client.ready();
  });

  test("it connects again after a loss without a close frame", async () => {
    const { client, peer } = await server.online();
    const waiting = entered(client, "waiting");
    peer.vanish();
    expect((await waiting).error).toMatchObject({ code: "disconnected", closeCode: 1006 });
  });

  test.each([4511, 4512])(
    "closed with %i, it waits for the application, because the account has too many devices",
    async (code) => {
      const { client, peer } = await server.online();
      const closed = entered(client, "closed");
      peer.close(code, "2 devices");
      expect((await closed).error).toMatchObject({ code: "too_many_devices", closeCode: code, retryable: true });
      client.retry();
      const next = await server.next();
      await next.hear("device_hello");
      next.say("device_ready", { heartbeat_s: 25, limits: { max_frame_bytes: 10_000 } });
      await client.ready();
    },
  );

  test.each([4500, 4503, 4510, 4599, 1008, 1009])("closed with %i, it does not connect again", async (code) => {
    const { client, peer } = await server.online();
    const closed = entered(client, "closed");
    peer.close(code);
    expect((await closed).error).toMatchObject({ code: "closed", closeCode: code, retryable: false });
    await expect(client.ready()).rejects.toMatchObject({ closeCode: code });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([client.state.name, server.waiting]).toEqual(["closed", 0]);
  });

  test("delays grow while attempts fail, and start again after a long session", async () => {
    const { client, peer } = await server.online();
    const waits: number[] = [];
    client.on("state", (state) => {
      if (state.name === "waiting") {
        waits.push(state.retryAt - Date.now());
      }
    });
    let next = peer;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const waiting = entered(client, "waiting");
      next.close(1011);
      await waiting;
      vi.advanceTimersByTime(waits.at(-1) ?? 0);
      next = await server.next();
      await next.hear("device_hello");
    }
    next.say("device_ready", { heartbeat_s: 25, limits: { max_frame_bytes: 10_000 } });
    await client.ready();
    vi.advanceTimersByTime(10_000);
    const waiting = entered(client, "waiting");
    next.close(1011);
    await waiting;
    expect(waits).toEqual([375, 750, 1500, 375]);
  });

  test("retry ends the wait", async () => {
    const { client, peer } = await server.online();
    const waiting = entered(client, "waiting");
    peer.close(4000);
    await waiting;
    client.retry();
    client.retry();
    expect(client.state.name).toBe("connecting");
    await (await server.next()).greet();
    await client.ready();
    vi.advanceTimersByTime(5000);
    expect([client.state.name, server.waiting]).toEqual(["online", 0]);
  });

  test("a browser that is back online ends the wait", async () => {
    const target = new EventTarget();
    vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
    vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target));
    const { client, peer } = await server.online();
    const waiting = entered(client, "waiting");
    peer.close(4000);
    await waiting;
    target.dispatchEvent(new Event("online"));
    expect(client.state.name).toBe("connecting");
    client.close();
    target.dispatchEvent(new Event("online"));
    expect(client.state.name).toBe("closed");
  });
});

test("tries again if no server listens", async () => {
  const gone = await ScriptedServer.open();
  await gone.close();
  const client = server.connect({ url: gone.url });
  expect((await entered(client, "waiting")).error).toMatchObject({ code: "connection_failed", closeCode: 1006 });
});

describe("tokens", () => {
  function tokens(...given: (string | Error)[]): { reasons: TokenReason[]; getToken: (reason: TokenReason) => string } {
    const reasons: TokenReason[] = [];
    const getToken = (reason: TokenReason): string => {
      reasons.push(reason);
      const token = given.shift() ?? "none left";
      if (token instanceof Error) {
        throw token;
      }
      return token;
    };
    return { reasons, getToken };
  }

  async function tokenOf(peer: Peer): Promise<unknown> {
    return (await peer.hear("device_hello"))["token"];
  }

  test.each([4501, 4502])(
    "refused with %i in the handshake, a different one is requested and used immediately",
    async (code) => {
      const { reasons, getToken } = tokens("old", "new");
      const client = server.connect({ getToken });
      const first = await server.next();
      expect(await tokenOf(first)).toBe("old");
      first.close(code);
      const second = await server.next();
      expect((await second.greet())["token"]).toBe("new");
      await client.ready();
      expect(reasons).toEqual(["connect", "refused"]);
    },
  );

  test("does not connect with the same token again", async () => {
    const { reasons, getToken } = tokens("old", "old");
    const client = server.connect({ getToken });
    const closed = entered(client, "closed");
    (await server.next()).close(4502);
    expect((await closed).error).toMatchObject({ code: "token_refused", closeCode: 4502 });
    expect([reasons, server.waiting]).toEqual([["connect", "refused"], 0]);
  });

  test("closes when the new token is refused, too", async () => {
    const { reasons, getToken } = tokens("old", "new", "newer");
    const client = server.connect({ getToken });
    const closed = entered(client, "closed");
    (await server.next()).close(4501);
    (await server.next()).close(4501);
    expect((await closed).error).toMatchObject({ code: "token_refused", closeCode: 4501 });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([reasons, server.waiting]).toEqual([["connect", "refused"], 0]);
  });

  test("retry connects with a different token", async () => {
    const { reasons, getToken } = tokens("old", "old", "new");
    const client = server.connect({ getToken });
    const closed = entered(client, "closed");
    (await server.next()).close(4502);
    await closed;
    client.retry();
    expect((await (await server.next()).greet())["token"]).toBe("new");
    await client.ready();
    expect(reasons).toEqual(["connect", "refused", "refused"]);
  });

  test("a token that expires after a long session is replaced immediately", async () => {
    const { reasons, getToken } = tokens("old", "new");
    const { client, peer } = await server.online({ getToken });
    vi.advanceTimersByTime(20_000);
    peer.close(4502);
    expect((await (await server.next()).greet())["token"]).toBe("new");
    await client.ready();
    expect(reasons).toEqual(["connect", "refused"]);
  });

  test("tokens that expire immediately do not cause a busy loop", async () => {
    const { getToken } = tokens("a", "b", "c");
    const { client, peer } = await server.online({ getToken });
    const waiting = entered(client, "waiting");
    peer.close(4502);
    expect((await waiting).retryAt).toBe(Date.now() + 375);
  });

  test.each([
    ["throws", new Error("the login server is away")],
    ["throws what is retryable", new TesseraError("network", "away", { retryable: true })],
    ["gives nothing", ""],
  ])("getToken that %s is asked again later", async (_, first) => {
    const { reasons, getToken } = tokens(first, "token");
    const client = server.connect({ getToken });
    const { error } = await entered(client, "waiting");
    expect(error).toMatchObject({ code: "token_unavailable", retryable: true });
    vi.advanceTimersByTime(375);
    await (await server.next()).greet();
    await client.ready();
    expect(reasons).toEqual(["connect", "connect"]);
  });

  test("an error of getToken that is not retryable closes the connection", async () => {
    const { getToken } = tokens(new TesseraError("bad_credentials", "no"));
    const { error } = await entered(server.connect({ getToken }), "closed");
    expect(error).toMatchObject({ code: "token_unavailable", retryable: false, cause: { code: "bad_credentials" } });
  });

  test("the token is refreshed before it expires", async () => {
    const { reasons, getToken } = tokens("old", "new");
    const { client, peer } = await server.online({ getToken });
    const warned = heard(client, "auth_expiring");
    peer.say("auth_expiring", { in_s: 60 });
    await warned;
    await vi.advanceTimersByTimeAsync(22_499);
    expect(reasons).toEqual(["connect"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await peer.hear("auth_refresh")).toEqual({ type: "auth_refresh", token: "new" });
    expect(reasons).toEqual(["connect", "expiring"]);
  });

  test("getToken is called again after an error while time remains", async () => {
    const { reasons, getToken } = tokens("old", new Error("away"), "new");
    const { client, peer } = await server.online({ getToken });
    const errors: TesseraError[] = [];
    client.on("error", (error) => errors.push(error));
    const warned = heard(client, "auth_expiring");
    peer.say("auth_expiring", { in_s: 20 });
    await warned;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await peer.hear("auth_refresh")).toMatchObject({ token: "new" });
    expect(errors.map((error) => error.code)).toEqual(["token_unavailable"]);
    expect(reasons).toEqual(["connect", "expiring", "expiring"]);
  });

  test("a token that getToken returns again is asked about once", async () => {
    const reasons: string[] = [];
    let token = "old";
    const getToken = (reason: string) => {
      reasons.push(reason);
      return token;
    };
    const { client, peer } = await server.online({ getToken });
    const warn = async () => {
      const warned = heard(client, "auth_expiring");
      peer.say("auth_expiring", { in_s: 1 });
      await warned;
      await vi.advanceTimersByTimeAsync(1000);
    };
    for (let count = 0; count < 30; count += 1) await warn();
    expect(reasons).toEqual(["connect", "expiring"]);
    expect(peer.unheard).toBe(0);
    client.close();
    token = "new";
    client.retry();
    const again = await server.next();
    await again.greet();
    await client.ready();
    const warned = heard(client, "auth_expiring");
    again.say("auth_expiring", { in_s: 1 });
    await warned;
    token = "newer";
    await vi.advanceTimersByTimeAsync(1000);
    expect(await again.hear("auth_refresh")).toMatchObject({ token: "newer" });
  });

  test("no token is sent to a session that has ended", async () => {
    const { reasons, getToken } = tokens("old", "new");
    const { client, peer } = await server.online({ getToken });
    const warned = heard(client, "auth_expiring");
    peer.say("auth_expiring", { in_s: 60 });
    await warned;
    client.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reasons).toEqual(["connect"]);
  });
});

describe("an idle connection", () => {
  test("is kept while the server answers the pings", async () => {
    const { client, peer } = await server.online();
    for (let beat = 0; beat < 5; beat += 1) {
      await vi.advanceTimersByTimeAsync(25_000);
      await peer.hear("ping");
      const answered = heard(client, "pong");
      peer.say("pong");
      await answered;
    }
    expect(client.state.name).toBe("online");
  });

  test("is closed if the server does not answer a ping", async () => {
    const { client, peer } = await server.online();
    await vi.advanceTimersByTimeAsync(29_499);
    expect(client.state.name).toBe("online");
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state.name).toBe("connecting");
    expect(await peer.closed).toBe(4000);
  });
});

describe("a half-open connection", () => {
  test("is noticed within ten seconds if an answer is expected", async () => {
    const { client, peer } = await server.online();
    client.home("Hi");
    await peer.hear("home_request");
    await vi.advanceTimersByTimeAsync(4_999);
    expect(peer.unheard).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    await peer.hear("ping");
    await vi.advanceTimersByTimeAsync(4_499);
    expect(client.state.name).toBe("online");
    await vi.advanceTimersByTimeAsync(501);
    expect(client.state.name).toBe("connecting");
  });

  test("is not suspected while the server answers, however long the model thinks", async () => {
    const { client, peer } = await server.online();
    client.home("Hi");
    await peer.hear("home_request");
    for (let ping = 0; ping < 20; ping += 1) {
      await vi.advanceTimersByTimeAsync(5_000);
      await peer.hear("ping");
      const answered = heard(client, "pong");
      peer.say("pong");
      await answered;
    }
    expect(client.state.name).toBe("online");
  });

  test("is noticed within ten seconds after a sleep of the machine", async () => {
    const { client, peer } = await server.online();
    vi.setSystemTime(Date.now() + 3_600_000); // the clock has moved on, and no timer has fired
    await vi.advanceTimersByTimeAsync(4_000);
    await peer.hear("ping");
    await vi.advanceTimersByTimeAsync(6_000);
    expect(client.state.name).toBe("connecting");
  });

  test("survives a sleep if the server still answers", async () => {
    const { client, peer } = await server.online();
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(4_000);
    await peer.hear("ping");
    const answered = heard(client, "pong");
    peer.say("pong");
    await answered;
    await vi.advanceTimersByTimeAsync(6_000);
    expect(client.state.name).toBe("online");
  });

  test.each(["offline", "online"])("is looked for on the browser's event `%s`", async (event) => {
    const target = new EventTarget();
    vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
    vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target));
    const { client, peer } = await server.online();
    target.dispatchEvent(new Event(event));
    await peer.hear("ping");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.state.name).toBe("connecting");
  });

  test("is noticed within ten seconds after the event `offline`, also if a slow frame was suspected before", async () => {
    const target = new EventTarget();
    vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
    vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target));
    const { client } = await server.online();
    target.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(4_500);
    expect(client.state.name).toBe("connecting");
    const peer = await server.next();
    await peer.greet({ resume: "resumed" });
    await client.ready();
    await peer.hear("ping"); // the first of a resumed socket
    target.dispatchEvent(new Event("online"));
    await peer.hear("ping");
    await vi.advanceTimersByTimeAsync(4_500);
    expect(client.state.name).toBe("online"); // a frame may be slow
    target.dispatchEvent(new Event("offline"));
    await vi.advanceTimersByTimeAsync(4_500);
    expect(client.state.name).toBe("connecting");
    expect(peer.unheard).toBe(0); // the second ping is still open
  });

  test("the events `offline` and `online` resume the session, and an answer goes on", async () => {
    const target = new EventTarget();
    vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
    vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target));
    const { client, peer } = await server.online();
    const answer = client.home("Hi");
    const { request_id: id } = await peer.hear("home_request");
    target.dispatchEvent(new Event("offline"));
    await vi.advanceTimersByTimeAsync(4_500);
    expect(client.state.name).toBe("connecting");
    (await server.next()).vanish(); // the network is gone
    await entered(client, "waiting");
    target.dispatchEvent(new Event("online"));
    expect(client.state.name).toBe("connecting");
    const next = await server.next();
    const hello = await next.greet({ resume: "resumed", requests: [{ request_id: id, state: "running" }] });
    expect(hello).toMatchObject({ resume: { seq: 1 } });
    next.say("stream_end", { request_id: id, status: "completed", mutations: [] });
    expect(await answer.done).toMatchObject({ status: "completed" });
  });

  test("is noticed within ten seconds each time, if a frame arrives in between", async () => {
    const { client, peer } = await server.online();
    client.home("Hi");
    let socket = peer;
    const { request_id: id } = await socket.hear("home_request");
    for (let freeze = 0; freeze < 4; freeze += 1) {
      await vi.advanceTimersByTimeAsync(5_000);
      await socket.hear("ping");
      await vi.advanceTimersByTimeAsync(4_499);
      expect(client.state.name).toBe("online");
      await vi.advanceTimersByTimeAsync(501);
      expect(client.state.name).toBe("connecting");
      socket = await server.next();
      await socket.greet({ resume: "resumed", requests: [{ request_id: id, state: "running" }] });
      await client.ready();
      await socket.hear("ping");
      const type = freeze % 2 === 0 ? "pong" : "stream_text";
      const arrived = heard(client, type);
      socket.say(type, { request_id: id, block: 0, chunk: "a" });
      await arrived;
    }
  });

  test("is noticed within ten seconds after the clock was set back", async () => {
    const { client, peer } = await server.online();
    client.home("Hi");
    await peer.hear("home_request");
    vi.setSystemTime(Date.now() - 3_600_000);
    await vi.advanceTimersByTimeAsync(5_000);
    await peer.hear("ping");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.state.name).toBe("connecting");
  });

  test("gets more time after each suspicion, so that one slow frame can arrive", async () => {
    const { client, peer } = await server.online();
    client.home("Hi");
    let socket = peer;
    await socket.hear("home_request");
    const endured: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const began = Date.now();
      let ended: number | undefined;
      const stop = client.on("state", (state) => {
        ended ??= state.name === "connecting" ? Date.now() : undefined;
      });
      while (ended === undefined) {
        await vi.advanceTimersByTimeAsync(100);
      }
      stop();
      endured.push(ended - began);
      socket = await server.next();
      await socket.greet({ resume: "resumed", requests: [] });
      await client.ready();
      await socket.hear("ping");
      await socket.hear("home_request");
    }
    expect(endured.map((ms) => Math.round((ms - 5_000) / 4_500))).toEqual([1, 2, 4, 8, 8, 8]);
  });
});

test("a server that drains says when to come back", async () => {
  const { client, peer } = await server.online();
  const told = heard(client, "draining");
  peer.say("draining", { retry_after_ms: 7_300 });
  await told;
  const waiting = entered(client, "waiting");
  peer.close(4001);
  expect((await waiting).retryAt).toBe(Date.now() + 7_300);
});

describe("closing", () => {
  test("closes with code 1000, and does not connect again", async () => {
    const { client, peer } = await server.online();
    client.close();
    expect(client.state).toEqual({ name: "closed", error: null });
    expect(await peer.closed).toBe(1000);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(server.waiting).toBe(0);
  });

  test("during the attempt ends the attempt", async () => {
    let give: (token: string) => void = () => undefined;
    const client = server.connect({ getToken: () => new Promise((resolve) => (give = resolve)) });
    client.close();
    give("late");
    await vi.advanceTimersByTimeAsync(60_000);
    expect([client.state.name, server.waiting]).toEqual(["closed", 0]);
  });

  test("while it waits ends the wait", async () => {
    const { client, peer } = await server.online();
    const waiting = entered(client, "waiting");
    peer.close(4000);
    await waiting;
    client.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([client.state.name, server.waiting]).toEqual(["closed", 0]);
  });

  test("retry opens it again", async () => {
    const { client } = await server.online();
    client.close();
    client.retry();
    await (await server.next()).greet();
    await client.ready();
  });
});

/** The next frame of `type` that the client has processed. */
function heard(client: ReturnType<ScriptedServer["connect"]>, type: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = client.on("frame", ({ direction, frame }) => {
      if (direction === "in" && (frame as { type: string }).type === type) {
        stop();
        // The frame event comes before the frame is processed.
        queueMicrotask(resolve);
      }
    });
  });
}
