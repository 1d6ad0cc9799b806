import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Change, memoryStore, type Tessera, type TesseraError, type WsServerMutation } from "../../src/index.js";
import { DEVICE_ID, entered, type Frame, type Peer, ScriptedServer } from "./scripted-server.js";

let server: ScriptedServer;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  server = await ScriptedServer.open();
});

afterEach(async () => {
  await server.close();
  vi.useRealTimers();
});

const ELSEWHERE = DEVICE_ID.replace(/1$/, "e");
const KNOWN = { changes: { last: 7, missed: "none" } };
const edit = (id: string): Change => ({ op: "update", entity: "task", id, data: { status: "done" } });

/** The next change that the server gets. It acknowledges it as `change`, unless that is undefined. */
async function take(peer: Peer, change?: number): Promise<Frame> {
  const frame = await peer.hear("mutation");
  if (change !== undefined) {
    peer.say("mutation_ack", { mutation_id: frame["mutation_id"], change });
  }
  return frame;
}

async function cut(client: Tessera, peer: Peer): Promise<Peer> {
  const waiting = entered(client, "waiting");
  peer.vanish();
  await waiting;
  client.retry();
  return await server.next();
}

/** Sends a frame whose answer shows that all frames before it have been processed. */
async function settled(peer: Peer): Promise<void> {
  peer.say("tool_call", { call_id: ELSEWHERE, request_id: DEVICE_ID, tool: "list_notes", args: {}, deadline_ms: 1000 });
  await peer.hear("tool_result");
}

describe("changes of the person", () => {
  test("made without a connection are sent in order when it is there, each once", async () => {
    const client = server.connect();
    for (const id of ["t1", "t2", "t3"]) {
      client.mutate(edit(id));
    }
    expect(client.unsentChanges).toBe(3);
    const peer = await server.next();
    await peer.greet(KNOWN);
    expect(await take(peer, 8)).toMatchObject({ id: "t1" });
    expect(await take(peer, 9)).toMatchObject({ id: "t2" });
    expect(await take(peer, 10)).toMatchObject({ id: "t3" });
    await settled(peer);
    expect([client.unsentChanges, peer.unheard]).toEqual([0, 0]);
  });

  test("are sent again with the same id if the acknowledgement was lost", async () => {
    const { client, peer } = await server.online({}, KNOWN);
    client.mutate(edit("t1"));
    client.mutate(edit("t2"));
    const first = await take(peer);
    const next = await cut(client, peer);
    await next.greet({ resume: "resumed", ...KNOWN });
    expect(await take(next, 8)).toEqual(first);
    expect(await take(next, 9)).toMatchObject({ id: "t2" });
    await settled(next);
    expect(client.unsentChanges).toBe(0);
  });

  test("survive a restart of the application", async () => {
    const store = memoryStore();
    const { client, peer } = await server.online({ store }, KNOWN);
    client.mutate(edit("t1"));
    const first = await take(peer);
    client.mutate(edit("t2"));
    client.close();
    const { client: later, peer: next } = await server.online({ store }, KNOWN);
    expect(later.unsentChanges).toBe(2);
    expect(await take(next, 8)).toEqual(first);
    expect(await take(next, 9)).toMatchObject({ id: "t2" });
  });

  test("are sent again after a refusal that is temporary", async () => {
    const { client, peer } = await server.online({}, KNOWN);
    client.mutate(edit("t1"));
    const first = await take(peer);
    peer.say("error", { code: "memory_unavailable", message: "Later.", retryable: true });
    await settled(peer);
    expect(peer.unheard).toBe(0);
    // The server answers the pings that the client sends meanwhile.
    for (let second = 0; second < 10; second += 1) {
      peer.say("pong");
      await vi.advanceTimersByTimeAsync(1_000);
    }
    let frame = await peer.take();
    while (frame.type === "ping") {
      frame = await peer.take();
    }
    expect(frame).toEqual(first);
  });

  test.each(["invalid_frame", "quota_reached"])(
    "refused as %s are dropped and reported; the next is sent",
    async (code) => {
      const { client, peer } = await server.online({}, KNOWN);
      const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
      client.mutate(edit("t1"));
      client.mutate(edit("t2"));
      await take(peer);
      peer.say("error", { code, message: "No id.", retryable: false });
      expect(await reported).toMatchObject({ code });
      expect(await take(peer, 8)).toMatchObject({ id: "t2" });
    },
  );

  test("are kept if an error names another frame", async () => {
    const { client, peer } = await server.online({}, KNOWN);
    const reported: TesseraError[] = [];
    client.on("error", (error) => reported.push(error));
    client.mutate(edit("t1"));
    const { mutation_id } = await take(peer);
    const fields = { code: "invalid_frame", message: "No.", retryable: false };
    peer.say("error", { ...fields, call_id: ELSEWHERE });
    peer.say("error", { ...fields, mutation_id: ELSEWHERE });
    await vi.waitFor(() => expect(reported).toHaveLength(2));
    expect(client.unsentChanges).toBe(1);
    peer.say("error", { ...fields, mutation_id });
    await vi.waitFor(() => expect(client.unsentChanges).toBe(0));
  });

  test("that are too large are dropped and reported, and the next is sent", async () => {
    const { client, peer } = await server.online({}, KNOWN);
    const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
    client.mutate({ ...edit("t1"), data: { title: "x".repeat(10_000) } });
    client.mutate(edit("t2"));
    expect(await reported).toMatchObject({ code: "too_large" });
    expect(await take(peer, 8)).toMatchObject({ id: "t2" });
    expect(client.unsentChanges).toBe(1);
  });

  test("that the store cannot keep are refused", async () => {
    const full = {
      getItem: () => null,
      setItem: () => {
        throw new Error("quota");
      },
    };
    const { client, peer } = await server.online({ store: full });
    expect(() => client.mutate(edit("t1"))).toThrow("quota");
    expect(client.unsentChanges).toBe(0);
    await settled(peer);
    expect(peer.unheard).toBe(0);
  });

  test("count as sent for a server that does not acknowledge them", async () => {
    const { client, peer } = await server.online();
    client.mutate(edit("t1"));
    client.mutate(edit("t2"));
    await take(peer);
    await take(peer);
    expect(client.unsentChanges).toBe(0);
  });
});

describe("changes of other devices", () => {
  const change = (number: number, fields: object = {}): object => ({
    ...edit(`t${number}`),
    change: number,
    ...fields,
  });

  test("are reported once each, and the next hello names the last one", async () => {
    const store = memoryStore();
    const { client, peer } = await server.online({ store }, KNOWN);
    const told: WsServerMutation[] = [];
    client.on("mutation", (mutation) => told.push(mutation));
    for (const number of [8, 9, 8, 9]) {
      peer.say("mutation", change(number));
    }
    await settled(peer);
    expect(told.map(({ id }) => id)).toEqual(["t8", "t9"]);
    const next = await cut(client, peer);
    expect((await next.greet({ resume: "resumed", ...KNOWN }))["changes_after"]).toBe(9);
    client.close();
    server.connect({ store });
    expect((await (await server.next()).greet(KNOWN))["changes_after"]).toBe(9);
  });

  test("are not asked for at the first start, and from the current number later", async () => {
    const store = memoryStore();
    const client = server.connect({ store });
    const peer = await server.next();
    expect(await peer.greet(KNOWN)).not.toHaveProperty("changes_after");
    await client.ready();
    const next = await cut(client, peer);
    expect((await next.greet(KNOWN))["changes_after"]).toBe(7);
  });

  test("that were missed while away arrive, and the server learns that they were seen", async () => {
    const { client, peer } = await server.online({}, KNOWN);
    const next = await cut(client, peer);
    const told: WsServerMutation[] = [];
    client.on("mutation", (mutation) => told.push(mutation));
    await next.greet({ changes: { last: 9, missed: "sent" } });
    next.say("mutation", change(8));
    next.say("mutation", change(9));
    await settled(next);
    expect(told.map(({ id }) => id)).toEqual(["t8", "t9"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await next.hear("changes_seen")).toEqual({ type: "changes_seen", change: 9 });
  });

  test("that are lost for good make the application read everything again", async () => {
    const { client, peer } = await server.online({}, KNOWN);
    const next = await cut(client, peer);
    const resync = new Promise<number>((resolve) => client.on("resync", resolve));
    await next.greet({ changes: { last: 40, missed: "lost" } });
    expect(await resync).toBe(40);
    const third = await cut(client, next);
    expect((await third.greet(KNOWN))["changes_after"]).toBe(40);
  });

  test("with this device as their origin are not reported", async () => {
    const { client, peer } = await server.online({}, KNOWN);
    const told = vi.fn();
    client.on("mutation", told);
    peer.say("mutation", change(8, { origin_device_id: DEVICE_ID }));
    peer.say("mutation", change(9, { origin_device_id: ELSEWHERE }));
    await settled(peer);
    expect(told.mock.calls.map(([mutation]) => mutation.id)).toEqual(["t9"]);
  });
});
