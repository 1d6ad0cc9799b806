import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Journal, memoryStore, type Store, storeJournal, type TesseraError, ToolError } from "../../src/index.js";
import { fileStore } from "../../src/node.js";
import { deferred } from "../deferred.js";
import { DEVICE_ID, entered, type Frame, type Peer, ScriptedServer } from "./scripted-server.js";

const folder = mkdtempSync(join(tmpdir(), "tessera-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let server: ScriptedServer;
let folders = 0;

beforeEach(async () => {
  server = await ScriptedServer.open();
});

afterEach(() => server.close());

const CALL = DEVICE_ID.replace(/1$/, "c");

function callOf(tool: string, fields: object = {}): Frame {
  return {
    type: "tool_call",
    call_id: CALL,
    request_id: DEVICE_ID,
    tool,
    args: { id: "t1", data: { title: "One" } },
    deadline_ms: 30_000,
    requires_approval: false,
    ...fields,
  };
}

/** A stand-in for `localStorage`. */
class PageStorage implements Store {
  readonly items = new Map<string, string>();
  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
}

const create = vi.fn(({ data }: { data: object }) => ({ id: "t9", title: "", ...data }));
const tools = { task: { create } };

async function again(options: object, fields: object = {}): Promise<{ peer: Peer; result: Frame }> {
  const { peer } = await server.online(options);
  peer.say("tool_call", callOf("create_task", { offered_again: true, ...fields }));
  return { peer, result: await peer.hear("tool_result") };
}

describe.each<[string, () => () => Store]>([
  [
    "memory",
    () => {
      const store = memoryStore();
      return () => store;
    },
  ],
  [
    "localStorage",
    () => {
      const store = new PageStorage();
      return () => store;
    },
  ],
  [
    "files",
    () => {
      folders += 1;
      const path = join(folder, String(folders), "device");
      return () => fileStore(path); // opened again, as after a restart
    },
  ],
])("a call with a journal in %s", (_, made) => {
  let open: () => Store;

  beforeEach(() => {
    open = made();
    create.mockClear();
  });

  test("is written before its tool runs, and deleted after the acknowledgement", async () => {
    const journal = storeJournal(open());
    const seen: unknown[] = [];
    const { peer } = await server.online({
      journal,
      tools: {
        task: {
          create: async () => {
            seen.push(await journal.get(CALL));
            return { id: "t9", title: "One" };
          },
        },
      },
    });
    peer.say("tool_call", callOf("create_task"));
    expect(await peer.hear("tool_accepted")).toEqual({ type: "tool_accepted", call_id: CALL });
    const result = await peer.hear("tool_result");
    expect(seen).toEqual([{ callId: CALL, startedAt: expect.any(Number) }]);
    expect(await journal.get(CALL)).toMatchObject({ result });
    peer.say("tool_ack", { call_id: CALL });
    await vi.waitFor(async () => expect(await journal.get(CALL)).toBeUndefined());
  });

  test("that has a result is answered from the journal", async () => {
    const { client, peer } = await server.online({ store: open(), tools });
    peer.say("tool_call", callOf("create_task"));
    await peer.hear("tool_accepted");
    const result = await peer.hear("tool_result");
    client.close();
    expect((await again({ store: open(), tools }, { accepted: true })).result).toEqual(result);
    expect(create).toHaveBeenCalledOnce();
  });

  test("that started and has no result is reported as unknown", async () => {
    const { client, peer } = await server.online({
      store: open(),
      tools: { task: { create: () => new Promise<never>(() => undefined) } },
    });
    peer.say("tool_call", callOf("create_task"));
    await peer.hear("tool_accepted");
    client.close();
    const { result } = await again({ store: open(), tools });
    expect(result).toMatchObject({ call_id: CALL, ok: false, error: { code: "unknown" } });
    expect(create).not.toHaveBeenCalled();
  });

  test("that it does not know runs", async () => {
    const { peer } = await server.online({ store: open(), tools });
    peer.say("tool_call", callOf("create_task", { offered_again: true }));
    await peer.hear("tool_accepted");
    expect(await peer.hear("tool_result")).toMatchObject({ ok: true, data: { id: "t9" } });
    expect(create).toHaveBeenCalledOnce();
  });

  test("that the server knows as accepted and the journal does not know is reported as unknown", async () => {
    const { result } = await again({ store: open(), tools }, { accepted: true });
    expect(result).toMatchObject({ ok: false, error: { code: "unknown" } });
    expect(create).not.toHaveBeenCalled();
  });
});

describe("a call that is offered again", () => {
  beforeEach(() => {
    create.mockClear();
  });

  test("while it runs is answered once", async () => {
    const finish = deferred<{ id: string; title: string }>();
    const run = vi.fn(() => finish.promise);
    const { client, peer } = await server.online({
      tools: { task: { create: run } },
      backoff: { firstMs: 1, random: () => 0 },
    });
    peer.say("tool_call", callOf("create_task"));
    await peer.hear("tool_accepted");
    const waiting = entered(client, "waiting");
    peer.vanish();
    await waiting;
    const next = await server.next();
    await next.greet({ resume: "resumed" });
    next.say("tool_call", callOf("create_task", { offered_again: true, accepted: true }));
    next.say("pong");
    finish.resolve({ id: "t9", title: "One" });
    expect(await next.hear("tool_result")).toMatchObject({ ok: true, data: { id: "t9" } });
    expect(run).toHaveBeenCalledOnce();
    expect(next.unheard).toBe(0);
  });

  test("after it ended without a connection is answered from the journal", async () => {
    const finish = deferred<{ id: string; title: string }>();
    const ended = deferred<void>();
    const journal: Journal = storeJournal(memoryStore());
    const noted: Journal = {
      ...journal,
      put: (entry) => {
        void journal.put(entry);
        if (entry.result !== undefined) {
          ended.resolve();
        }
      },
    };
    const run = vi.fn(() => finish.promise);
    const { client, peer } = await server.online({ journal: noted, tools: { task: { create: run } } });
    peer.say("tool_call", callOf("create_task"));
    await peer.hear("tool_accepted");
    const waiting = entered(client, "waiting");
    peer.vanish();
    await waiting;
    finish.resolve({ id: "t9", title: "One" });
    await ended.promise;
    client.retry();
    const next = await server.next();
    await next.greet({ resume: "resumed" });
    next.say("tool_call", callOf("create_task", { offered_again: true, accepted: true }));
    expect(await next.hear("tool_result")).toMatchObject({ ok: true, data: { id: "t9" } });
    expect(run).toHaveBeenCalledOnce();
  });

  test("and only reads runs again", async () => {
    const list = vi.fn(() => ({ items: [] }));
    const { peer } = await server.online({ tools: { task: { list } } });
    for (const accepted of [{}, { offered_again: true, accepted: true }]) {
      peer.say("tool_call", callOf("list_tasks", accepted));
      expect(await peer.hear("tool_result")).toMatchObject({ ok: true, data: { items: [] } });
    }
    expect(list).toHaveBeenCalledTimes(2);
  });

  test("after the person refused is refused without asking again", async () => {
    const approve = vi.fn(() => false);
    const { peer } = await server.online({ tools, approve });
    for (const again of [{}, { offered_again: true }]) {
      peer.say("tool_call", callOf("create_task", { requires_approval: true, ...again }));
      expect(await peer.hear("tool_result")).toMatchObject({ ok: false, error: { code: "denied" } });
    }
    expect(approve).toHaveBeenCalledOnce();
    expect(create).not.toHaveBeenCalled();
  });

  test("while the person is asked is asked once, and is written only after the approval", async () => {
    const decision = deferred<boolean>();
    const approve = vi.fn(() => decision.promise);
    const store = memoryStore();
    const { peer } = await server.online({ store, tools, approve });
    const call = callOf("create_task", { requires_approval: true });
    peer.say("tool_call", call);
    peer.say("tool_call", { ...call, offered_again: true });
    await vi.waitFor(() => expect(approve).toHaveBeenCalled());
    expect(store.getItem(`tessera.${DEVICE_ID}.calls`)).toBeNull();
    decision.resolve(true);
    await peer.hear("tool_accepted");
    expect(await peer.hear("tool_result")).toMatchObject({ ok: true });
    expect([approve.mock.calls.length, create.mock.calls.length]).toEqual([1, 1]);
  });
});

describe("a call that ended with an error", () => {
  test("keeps the error as its result", async () => {
    const update = vi.fn(() => {
      throw new ToolError("locked", "Someone edits it.");
    });
    const { peer } = await server.online({ tools: { task: { update } } });
    peer.say("tool_call", callOf("update_task"));
    await peer.hear("tool_accepted");
    const first = await peer.hear("tool_result");
    peer.say("tool_call", callOf("update_task", { offered_again: true, accepted: true }));
    expect(await peer.hear("tool_result")).toEqual(first);
    expect(update).toHaveBeenCalledOnce();
  });

  test("because its result is too large is answered with that, also the next time", async () => {
    const big = vi.fn(() => ({ id: "t9", title: "x".repeat(10_000) }));
    const { peer } = await server.online({ tools: { task: { create: big } } });
    peer.say("tool_call", callOf("create_task"));
    await peer.hear("tool_accepted");
    expect(await peer.hear("tool_result")).toMatchObject({ ok: false, error: { code: "too_large" } });
    peer.say("tool_call", callOf("create_task", { offered_again: true, accepted: true }));
    expect(await peer.hear("tool_result")).toMatchObject({ ok: false, error: { code: "too_large" } });
    expect(big).toHaveBeenCalledOnce();
  });
});

describe("a journal that fails", () => {
  const broken = (part: keyof Journal): Journal => ({
    ...storeJournal(memoryStore()),
    [part]: () => {
      throw new Error("the disk is full");
    },
  });

  test.each(["get", "put"] as const)("at %s: the tool does not run", async (part) => {
    create.mockClear();
    const errors: TesseraError[] = [];
    const { client, peer } = await server.online({ journal: broken(part), tools });
    client.on("error", (error) => errors.push(error));
    peer.say("tool_call", callOf("create_task"));
    expect(await peer.hear("tool_result")).toMatchObject({ ok: false, error: { code: "journal_failed" } });
    expect(create).not.toHaveBeenCalled();
    expect(errors[0]).toMatchObject({ code: "store_failed", cause: { message: "the disk is full" } });
  });
});

describe("a store in files", () => {
  test("keeps its value when a write is interrupted", () => {
    const path = join(folder, "interrupted");
    fileStore(path).setItem("a/b", "old");
    const [name = ""] = readdirSync(path);
    writeFileSync(join(path, `${name}.new`), "half");
    const store = fileStore(path);
    expect([store.getItem("a/b"), store.getItem("other")]).toEqual(["old", null]);
    store.setItem("a/b", "new");
    expect(fileStore(path).getItem("a/b")).toBe("new");
  });
});

describe("a change that a lost server has not acknowledged", () => {
  const offline = async (ready: object): Promise<{ peer: Peer; journal: Journal }> => {
    const journal = storeJournal(memoryStore());
    const { client, peer } = await server.online({ journal, tools });
    peer.say("tool_call", callOf("create_task"));
    await peer.hear("tool_accepted");
    await peer.hear("tool_result");
    const waiting = entered(client, "waiting");
    peer.vanish();
    await waiting;
    client.retry();
    const next = await server.next();
    await next.greet(ready);
    return { peer: next, journal };
  };

  test.each(["lost", "new"])("is sent to the next server that says %s", async (resume) => {
    const { peer, journal } = await offline({ resume });
    const change = { call_id: CALL, request_id: DEVICE_ID, tool: "create_task", id: "t9", ok: true };
    expect(await peer.hear("tool_result")).toMatchObject(change);
    peer.say("tool_ack", { call_id: CALL });
    await vi.waitFor(async () => expect(await journal.get(CALL)).toBeUndefined());
  });

  test("is deleted if the server does not know the call", async () => {
    const { peer, journal } = await offline({ resume: "lost" });
    await peer.hear("tool_result");
    const about = { frame_type: "tool_result", call_id: CALL, message: "No tool call is waiting.", retryable: false };
    peer.say("error", { code: "unknown_call", ...about });
    await vi.waitFor(async () => expect(await journal.get(CALL)).toBeUndefined());
  });

  test("is not sent to the same session, which asks for it", async () => {
    const { peer } = await offline({ resume: "resumed" });
    peer.say("tool_call", callOf("create_task", { offered_again: true, accepted: true }));
    await peer.hear("tool_result");
    expect(peer.unheard).toBe(0);
  });
});

test("entries that were never acknowledged are deleted after a week", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const journal = storeJournal(memoryStore());
    await journal.put({ callId: "old", startedAt: Date.now() });
    vi.setSystemTime(Date.now() + 8 * 86_400_000);
    await journal.put({ callId: "new", startedAt: Date.now() });
    expect(await journal.get("old")).toBeUndefined();
    expect(await journal.get("new")).toMatchObject({ callId: "new" });
  } finally {
    vi.useRealTimers();
  }
});
