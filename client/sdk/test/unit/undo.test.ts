import { afterEach, beforeEach, expect, test } from "vitest";
import type { Tools } from "../../src/index.js";
import { DEVICE_ID, type Peer, ScriptedServer } from "./scripted-server.js";

let server: ScriptedServer;
let items: Map<string, Record<string, unknown>>;

beforeEach(async () => {
  server = await ScriptedServer.open();
  items = new Map([
    ["t1", { id: "t1", title: "Write", status: "todo" }],
    ["t2", { id: "t2", title: "Read", dueDate: "2026-03-09" }],
  ]);
});

afterEach(() => server.close());

const tools = {
  task: {
    list: () => ({ items: [...items.values()] }),
    get: ({ id }: { id: string }) => items.get(id),
    create: ({ data }: { data: Record<string, unknown> }) => {
      const item = { id: "new", ...data };
      items.set(String(item.id), item);
      return item;
    },
    update: ({ id, data }: { id: string; data: Record<string, unknown> }) => {
      const item = Object.assign(items.get(id) ?? {}, data);
      for (const [name, value] of Object.entries(data)) if (value === null) delete item[name];
      return item;
    },
    delete: ({ id }: { id: string }) => void items.delete(id),
  },
} as unknown as Tools;

let calls = 0;

async function run(peer: Peer, tool: string, args: object): Promise<void> {
  calls += 1;
  const call_id = `${DEVICE_ID.slice(0, -4)}${String(calls).padStart(4, "0")}`;
  peer.say("tool_call", { call_id, request_id: DEVICE_ID, tool, args, deadline_ms: 5000, requires_approval: false });
  expect(await peer.hear("tool_accepted")).toMatchObject({ call_id });
  expect(await peer.hear("tool_result")).toMatchObject({ call_id, ok: true });
}

test("undo reverts creations, changes and deletions, the last first, and tells the other devices", async () => {
  const { client, peer } = await server.online({ tools });
  const answer = client.home("Tidy up", { requestId: DEVICE_ID });
  await peer.hear("home_request");
  const before = structuredClone(items);
  await run(peer, "create_task", { data: { title: "Rest" } });
  await run(peer, "update_task", { id: "t1", data: { status: "done", dueDate: "2026-04-01" } });
  await run(peer, "update_task", { id: "t1", data: { status: "todo" } });
  await run(peer, "delete_task", { id: "t2" });
  peer.say("stream_end", { request_id: DEVICE_ID, status: "completed", mutations: [] });
  await answer.done;
  expect(answer.undoable).toBe(4);
  let changed = 0;
  answer.subscribe(() => {
    changed += 1;
  });
  const { changes, failed } = await answer.undo();
  expect(failed).toEqual([]);
  expect(changes.map(({ op, id }) => [op, id])).toEqual([
    ["create", "t2"],
    ["update", "t1"],
    ["update", "t1"],
    ["delete", "new"],
  ]);
  expect(Object.fromEntries(items)).toEqual(Object.fromEntries(before));
  expect([answer.undoable, changed]).toEqual([0, 1]);
  const told = await peer.hear("mutation");
  expect(told).toMatchObject({
    op: "create",
    entity: "task",
    id: "t2",
    data: { title: "Read", dueDate: "2026-03-09" },
  });
  expect(await answer.undo()).toEqual({ changes: [], failed: [] });
});

test("undo leaves what was changed since, and can be tried again", async () => {
  const { client, peer } = await server.online({ tools });
  const answer = client.home("Tidy up", { requestId: DEVICE_ID });
  await peer.hear("home_request");
  await run(peer, "update_task", { id: "t1", data: { title: "Write more" } });
  await run(peer, "create_task", { data: { title: "Rest" } });
  items.set("t1", { id: "t1", title: "By hand", status: "todo" });
  items.delete("new");
  expect((await answer.undo()).failed).toEqual([
    { entity: "task", id: "new", code: "not_found" },
    { entity: "task", id: "t1", code: "conflict" },
  ]);
  expect(items.get("t1")?.["title"]).toBe("By hand");
  expect(answer.undoable).toBe(2);
  items.set("t1", { id: "t1", title: "Write more", status: "todo" });
  expect((await answer.undo()).changes).toEqual([{ op: "update", entity: "task", id: "t1", data: { title: "Write" } }]);
  expect(items.get("t1")?.["title"]).toBe("Write");
});

test("a change without `get` works, and cannot be undone", async () => {
  const { client, peer } = await server.online({
    tools: { task: { ...tools.task, get: undefined } } as unknown as Tools,
  });
  const answer = client.home("Tidy up", { requestId: DEVICE_ID });
  await peer.hear("home_request");
  await run(peer, "delete_task", { id: "t2" });
  expect([items.has("t2"), answer.undoable]).toEqual([false, 0]);
});

test.each([
  ["all tools", {}, [true, true, true]],
  ["no `get`", { get: undefined }, [false, false, false]],
  ["no `create`", { create: undefined }, [undefined, true, false]],
  ["no `delete`", { delete: undefined }, [false, true, undefined]],
])("an approval says whether its call can be undone: %s", async (_, without, expected) => {
  const asked: (boolean | undefined)[] = [];
  const task = { ...tools.task, ...without } as never;
  const { client, peer } = await server.online({
    tools: { task },
    approve: ({ undoable }) => {
      asked.push(undoable);
      return false;
    },
  });
  client.home("Tidy up", { requestId: DEVICE_ID }).done.catch(() => undefined);
  await peer.hear("home_request");
  const names = ["create_task", "update_task", "delete_task"].filter((_name, place) => expected[place] !== undefined);
  for (const tool of names) {
    calls += 1;
    const call_id = `${DEVICE_ID.slice(0, -4)}${String(calls).padStart(4, "0")}`;
    const args = { id: "t1", data: {} };
    peer.say("tool_call", { call_id, request_id: DEVICE_ID, tool, args, deadline_ms: 5000, requires_approval: true });
    expect(await peer.hear("tool_result")).toMatchObject({ call_id, ok: false });
  }
  expect(asked).toEqual(expected.filter((value) => value !== undefined));
});

test("a `create` that gives another id does not count as undone", async () => {
  const task = { ...tools.task, create: () => ({ id: "other", title: "Read" }) };
  const { client, peer } = await server.online({ tools: { task } as unknown as Tools });
  const answer = client.home("Tidy up", { requestId: DEVICE_ID });
  await peer.hear("home_request");
  await run(peer, "delete_task", { id: "t2" });
  expect((await answer.undo()).failed).toEqual([{ entity: "task", id: "t2", code: "conflict" }]);
});
