import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type Approve,
  type CallContext,
  ENTITIES,
  type TesseraError,
  ToolError,
  type Tools,
  toolName,
} from "../../src/index.js";
import { deferred } from "../deferred.js";
import { DEVICE_ID, entered, type Frame, type Peer, ScriptedServer } from "./scripted-server.js";

let server: ScriptedServer;

beforeEach(async () => {
  server = await ScriptedServer.open();
});

afterEach(() => server.close());

const VERBS = ["list", "get", "create", "update", "delete"] as const;
let calls = 0;

function callOf(tool: string, args: object = {}, fields: object = {}): Frame & { call_id: string } {
  calls += 1;
  return {
    type: "tool_call",
    call_id: `6f1d3c1e-2a53-4a6e-9d55-${calls.toString(16).padStart(12, "0")}`,
    request_id: DEVICE_ID,
    tool,
    args,
    deadline_ms: 30_000,
    requires_approval: false,
    ...fields,
  };
}

/** The device's answer to one call. Before it, the device may report that its journal has the call. */
async function run(peer: Peer, frame: Frame): Promise<Frame> {
  peer.say(frame.type, frame);
  const first = await peer.take();
  if (first.type !== "tool_accepted") {
    return first;
  }
  expect(first["call_id"]).toBe(frame["call_id"]);
  return await peer.hear("tool_result");
}

describe("each of the twenty tools", () => {
  const cases = ENTITIES.flatMap((entity) => VERBS.map((verb) => [toolName(verb, entity), verb, entity] as const));

  test.each(cases)("%s runs the application's function", async (tool, verb, entity) => {
    const item = { id: "x1", title: "X", name: "X", date: 0 };
    const given = { list: { items: [item] }, get: item, create: item, update: item, delete: undefined }[verb];
    const handler = vi.fn((_args: unknown, _context: CallContext) => given);
    const { peer } = await server.online({ tools: { [entity]: { [verb]: handler } } as unknown as Tools });
    const frame = callOf(tool, { id: "x1", data: { title: "X" } });
    expect(await run(peer, frame)).toEqual({
      type: "tool_result",
      call_id: frame.call_id,
      ok: true,
      data: verb === "delete" ? { id: "x1" } : given,
      ...(verb === "list" || verb === "get" ? {} : { request_id: DEVICE_ID, tool, id: "x1" }),
    });
    expect(handler).toHaveBeenCalledOnce();
    const [args, context] = handler.mock.calls[0] ?? [];
    expect(args).toEqual({ id: "x1", data: { title: "X" } });
    expect(context).toMatchObject({ callId: frame.call_id, requestId: DEVICE_ID });
  });

  test("an unknown tool is answered with an error", async () => {
    expect(cases.map(([tool]) => tool).toSorted()).toHaveLength(20);
    const { peer } = await server.online();
    expect(await run(peer, callOf("complete_task"))).toMatchObject({ ok: false, error: { code: "unknown_tool" } });
    expect(await run(peer, callOf("constructor"))).toMatchObject({ ok: false, error: { code: "unknown_tool" } });
  });
});

test.each([
  [{ truncated: true }, 1],
  [{ truncated: true, total: "2" }, 1],
  [{ truncated: true, total: 2 }, 0],
  [{ truncated: false }, 0],
])("a list with %j reports %i errors, and the model gets the items", async (counts, reported) => {
  const listed = { items: [{ id: "t1", title: "X" }], ...counts };
  const tools = { task: { list: () => listed } } as unknown as Tools; // as an application without type checks
  const { client, peer } = await server.online({ tools });
  const errors: TesseraError[] = [];
  client.on("error", (error) => errors.push(error));
  expect(await run(peer, callOf("list_tasks"))).toMatchObject({ ok: true, data: listed });
  expect(errors.map(({ code }) => code)).toEqual(Array(reported).fill("invalid_argument"));
  expect(errors.every(({ message }) => message.includes("list_tasks"))).toBe(true);
});

describe("a tool", () => {
  const task = (get: () => unknown): Tools => ({ task: { get } }) as unknown as Tools;

  test("that is missing is answered with `unsupported`", async () => {
    const { peer } = await server.online({ tools: { task: {} } });
    expect(await run(peer, callOf("list_tasks"))).toMatchObject({ ok: false, error: { code: "unsupported" } });
    expect(await run(peer, callOf("list_notes"))).toMatchObject({ ok: false, error: { code: "unsupported" } });
  });

  test("keeps its `this`", async () => {
    class Store {
      readonly items = [{ id: "t1", title: "One" }];
      list(): { items: { id: string; title: string }[] } {
        return { items: this.items };
      }
    }
    const { peer } = await server.online({ tools: { task: new Store() } });
    expect(await run(peer, callOf("list_tasks"))).toMatchObject({ ok: true, data: { items: [{ id: "t1" }] } });
  });

  test.each([undefined, null])("a get that returns %s is answered with not_found", async (nothing) => {
    const { peer } = await server.online({ tools: task(() => nothing) });
    expect(await run(peer, callOf("get_task", { id: "?" }))).toMatchObject({ ok: false, error: { code: "not_found" } });
  });

  test("that throws a ToolError sends its code and message", async () => {
    const { peer } = await server.online({
      tools: task(() => {
        throw new ToolError("locked", "Someone edits it.");
      }),
    });
    expect((await run(peer, callOf("get_task")))["error"]).toEqual({ code: "locked", message: "Someone edits it." });
  });

  test("that throws another error sends no details, and reports it to the application", async () => {
    const { client, peer } = await server.online({
      tools: task(() => Promise.reject(new Error("/home/ann/db: busy"))),
    });
    const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
    const result = await run(peer, callOf("get_task"));
    expect(result).toMatchObject({ ok: false, error: { code: "tool_failed" } });
    expect(JSON.stringify(result)).not.toContain("ann");
    expect(await reported).toMatchObject({ code: "tool_failed", cause: { message: "/home/ann/db: busy" } });
  });

  test("whose result is too large is answered with an error, and the connection stays", async () => {
    const { peer } = await server.online({ tools: task(() => ({ id: "t1", title: "x".repeat(10_000) })) });
    expect(await run(peer, callOf("get_task"))).toMatchObject({ ok: false, error: { code: "too_large" } });
    expect(await run(peer, callOf("get_task"))).toMatchObject({ ok: false, error: { code: "too_large" } });
  });

  test("whose result is not JSON is answered with an error", async () => {
    const { client, peer } = await server.online({ tools: task(() => ({ id: 1n })) });
    const reported = new Promise((resolve) => client.on("error", resolve));
    expect(await run(peer, callOf("get_task"))).toMatchObject({ ok: false, error: { code: "tool_failed" } });
    await reported;
  });

  test("that is withdrawn gets an aborted signal, and its result is not sent", async () => {
    const started = deferred<AbortSignal>();
    const finish = deferred<{ id: string }>();
    const { peer } = await server.online({
      tools: {
        task: {
          get: (_args, { signal }) => {
            started.resolve(signal);
            return finish.promise as never;
          },
          list: () => ({ items: [] }),
        },
      },
    });
    const frame = callOf("get_task");
    peer.say("tool_call", frame);
    const signal = await started.promise;
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
    peer.say("tool_cancel", { call_id: frame.call_id });
    await aborted;
    finish.resolve({ id: "t1" });
    const next = callOf("list_tasks");
    expect((await run(peer, next))["call_id"]).toBe(next.call_id);
  });

  test("runs on when the connection is lost, and is withdrawn when it is closed for good", async () => {
    const started = deferred<AbortSignal>();
    const { client, peer } = await server.online({ tools: task2((signal) => started.resolve(signal)) });
    peer.say("tool_call", callOf("get_task"));
    const signal = await started.promise;
    const waiting = entered(client, "waiting");
    peer.vanish();
    await waiting;
    expect(signal.aborted).toBe(false);
    client.close();
    expect(signal.reason).toMatchObject({ code: "closed" });
  });

  test("is aborted when its deadline passes", async () => {
    const started = deferred<AbortSignal>();
    const { peer } = await server.online({ tools: task2((signal) => started.resolve(signal)) });
    peer.say("tool_call", callOf("get_task", {}, { deadline_ms: 1 }));
    const signal = await started.promise;
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
    expect(signal.reason).toMatchObject({ code: "deadline" });
  });

  const task2 = (started: (signal: AbortSignal) => void): Tools => ({
    task: {
      get: (_args, { signal }) => {
        started(signal);
        return new Promise(() => undefined);
      },
    },
  });
});

describe("an approval", () => {
  const removed = vi.fn();

  async function ask(approve: Approve | undefined): Promise<Frame> {
    removed.mockClear();
    const { peer } = await server.online({
      tools: { task: { delete: removed, get: ({ id }) => ({ id, title: "One" }) } },
      ...(approve === undefined ? {} : { approve }),
    });
    return await run(peer, callOf("delete_task", { id: "t1" }, { requires_approval: true }));
  }

  test("shows the person the call", async () => {
    const approve = vi.fn<Approve>(() => true);
    const result = await ask(approve);
    expect(approve.mock.calls[0]?.[0]).toMatchObject({
      tool: "delete_task",
      verb: "delete",
      entity: "task",
      args: { id: "t1" },
      requestId: DEVICE_ID,
    });
    expect(result).toMatchObject({ ok: true, data: { id: "t1" } });
    expect(removed).toHaveBeenCalledOnce();
  });

  test.each([
    ["refused", () => false],
    ["refused later", () => Promise.resolve(false)],
    ["answered with nothing", (() => undefined) as unknown as Approve],
    ["answered with nonsense", (() => "yes") as unknown as Approve],
    ["asked of no one", undefined],
  ])("%s runs nothing", async (_, approve) => {
    expect(await ask(approve)).toMatchObject({ ok: false, error: { code: "denied" } });
    expect(removed).not.toHaveBeenCalled();
  });

  test("that throws runs nothing", async () => {
    expect(await ask(() => Promise.reject(new Error("no window")))).toMatchObject({ error: { code: "tool_failed" } });
    expect(removed).not.toHaveBeenCalled();
  });

  test("with edited arguments sends them and runs nothing", async () => {
    const result = await ask(() => ({ args: { id: "t1", data: { title: "Two" } } }));
    expect(result).toMatchObject({ ok: true, edited_args: { id: "t1", data: { title: "Two" } } });
    expect(removed).not.toHaveBeenCalled();
  });

  test("that comes after the call was withdrawn runs nothing", async () => {
    removed.mockClear();
    const asked = deferred<AbortSignal>();
    const decision = deferred<boolean>();
    const { peer } = await server.online({
      tools: { task: { delete: removed, list: () => ({ items: [] }) } },
      approve: (_call, { signal }) => {
        asked.resolve(signal);
        return decision.promise;
      },
    });
    const frame = callOf("delete_task", { id: "t1" }, { requires_approval: true });
    peer.say("tool_call", frame);
    const signal = await asked.promise;
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
    peer.say("tool_cancel", { call_id: frame.call_id });
    await aborted;
    decision.resolve(true);
    await run(peer, callOf("list_tasks"));
    expect(removed).not.toHaveBeenCalled();
  });
});

describe("a data request", () => {
  const tools: Tools = {
    note: {
      get: ({ id }) => (id === "n1" ? { id, title: "Paper" } : undefined),
      list: ({ filter }) => ({ items: [{ id: "n2", title: String(filter?.["projectId"] ?? "all") }] }),
    },
  };
  const request = (fields: object): object => ({
    data_id: DEVICE_ID,
    request_id: DEVICE_ID,
    entity: "note",
    ...fields,
  });

  test.each([
    [{ id: "n1" }, { items: [{ id: "n1", title: "Paper" }] }],
    [{ id: "gone" }, { error: { code: "not_found" } }],
    [{ filter: { projectId: "p1" } }, { items: [{ id: "n2", title: "p1" }] }],
    [{}, { items: [{ id: "n2", title: "all" }] }],
    [{ entity: "task" }, { error: { code: "unsupported" } }],
  ])("for %j is answered by the tools", async (fields, answer) => {
    const { peer } = await server.online({ tools });
    peer.say("data_request", request(fields));
    expect(await peer.hear("data_response")).toMatchObject({ data_id: DEVICE_ID, ...answer });
  });
});

describe("a withdrawal that must be confirmed", () => {
  const approvals = (approve: Approve, remove: () => unknown = () => undefined) => ({
    approve,
    tools: { task: { delete: remove } } as unknown as Tools,
  });
  const asking = (): Frame & { call_id: string } => callOf("delete_task", { id: "t1" }, { requires_approval: true });
  const withdraw = (peer: Peer, callId: string): void => peer.say("tool_cancel", { call_id: callId, confirm: true });

  test("closes the question, and the call is never run", async () => {
    const asked = deferred<AbortSignal>();
    const decision = deferred<boolean>();
    const remove = vi.fn();
    const approve: Approve = (_call, { signal }) => {
      asked.resolve(signal);
      return decision.promise;
    };
    const { peer } = await server.online(approvals(approve, remove));
    const frame = asking();
    peer.say("tool_call", frame);
    const signal = await asked.promise;
    withdraw(peer, frame.call_id);
    expect(await peer.hear("tool_result")).toMatchObject({
      call_id: frame.call_id,
      ok: false,
      error: { code: "not_started" },
    });
    expect(signal.aborted).toBe(true);
    decision.resolve(true); // too late
    const made = callOf("delete_task", { id: "t1" });
    expect(await run(peer, made)).toMatchObject({ call_id: made.call_id, ok: true });
    expect(remove).toHaveBeenCalledOnce();
  });

  test("of a call that the device has never seen is confirmed", async () => {
    const { peer } = await server.online(approvals(() => true));
    const { call_id } = asking();
    withdraw(peer, call_id);
    expect(await peer.take()).toMatchObject({ type: "tool_result", call_id, error: { code: "not_started" } });
  });

  test("does not stop a call that runs: its result is the answer", async () => {
    const running = deferred<AbortSignal>();
    const finish = deferred<void>();
    const remove = (_args: unknown, { signal }: CallContext): Promise<void> => {
      running.resolve(signal);
      return finish.promise;
    };
    const { peer } = await server.online(approvals(() => true, remove as () => unknown));
    const frame = asking();
    peer.say("tool_call", frame);
    const signal = await running.promise;
    await peer.hear("tool_accepted");
    withdraw(peer, frame.call_id);
    peer.say("tool_call", callOf("get_task", { id: "t1" }));
    expect(await peer.take()).toMatchObject({ error: { code: "unsupported" } }); // the withdrawal was processed before
    expect(signal.aborted).toBe(false);
    finish.resolve();
    expect(await peer.take()).toMatchObject({ type: "tool_result", call_id: frame.call_id, ok: true });
  });

  test.each<[string, object, object]>([
    [
      "with a result",
      { result: { type: "tool_result", ok: true, data: { id: "t1" } } },
      { ok: true, data: { id: "t1" } },
    ],
    ["without a result", {}, { ok: false, error: { code: "unknown" } }],
  ])("of a call that the journal has %s is answered from it", async (_, entry, answer) => {
    const { call_id } = asking();
    const journal = {
      get: () => ({ callId: call_id, startedAt: 0, ...entry }) as never,
      put: vi.fn(),
      delete: vi.fn(),
    };
    const { peer } = await server.online({ ...approvals(() => true), journal });
    withdraw(peer, call_id);
    expect(await peer.take()).toMatchObject({ type: "tool_result", ...answer });
  });

  test("is answered with unknown if the journal cannot be read", async () => {
    const broken = () => Promise.reject(new Error("disk"));
    const { client, peer } = await server.online({
      ...approvals(() => true),
      journal: { get: broken, put: broken, delete: broken },
    });
    const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
    withdraw(peer, asking().call_id);
    expect(await peer.take()).toMatchObject({ type: "tool_result", ok: false, error: { code: "unknown" } });
    expect(await reported).toMatchObject({ code: "store_failed" });
  });
});
