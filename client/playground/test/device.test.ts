import type { CallContext, Change } from "@tessera/client";
import { beforeEach, describe, expect, it } from "vitest";
import { changes, FIELDS, toControl } from "../src/device/fields.js";
import { ENTITIES } from "../src/device/items.js";
import { sampleItems } from "../src/device/sample.js";
import { Store } from "../src/device/store.js";
import { toolsOver } from "../src/device/tools.js";

const NOW = Date.UTC(2026, 10, 22, 9);
const context = {} as CallContext;
let kept: Map<string, string>;
let store: Store;

function open(): Store {
  let ids = 0;
  const keeper = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
  };
  return new Store(
    keeper as unknown as Storage,
    () => sampleItems(NOW),
    () => String(++ids),
    () => NOW,
  );
}

beforeEach(() => {
  kept = new Map();
  store = open();
});

describe("the store", () => {
  it("starts with the same items at any time of day, and loads its stored items", () => {
    expect(sampleItems(NOW)).toEqual(sampleItems(NOW + 3_600_000));
    store.update("task", "t-1", { title: "Changed" });
    expect(open().get("task", "t-1")?.["title"]).toBe("Changed");
    store.reset();
    expect(open().items).toEqual(sampleItems(NOW));
  });

  it.each(["{", "7x", ""])("starts with the sample data if the stored data is %j", (text) => {
    kept.set("tessera.items", text);
    expect(open().items).toEqual(sampleItems(NOW));
  });

  it.each([
    [{ filter: { status: "done" } }, ["t-12", "t-13", "t-14"]],
    [{ filter: { dueDate: { before: "2026-11-21" } } }, ["t-4", "t-12", "t-13", "t-14"]],
    [{ filter: { dueDate: { after: "2026-11-27", before: "2026-12-02" } } }, ["t-8", "t-9"]],
    [{ filter: { projectId: null, priority: "low" } }, ["t-11", "t-12"]],
    [{ text: "PILOT users" }, ["t-7", "t-13"]],
    [{ filter: { nothing: 1 } }, []],
  ])("lists by %j", (args, ids) => {
    expect(
      store
        .list("task", args)
        .items.map(({ id }) => id)
        .sort(),
    ).toEqual([...ids].sort());
  });

  it("reports when the limit truncated the list", () => {
    expect(store.list("task", { limit: 2 })).toMatchObject({ items: [{ id: "t-1" }, { id: "t-2" }], truncated: true });
    expect(store.list("note", { limit: 5 }).truncated).toBe(false);
  });

  it("rejects invalid items with a message for the model", () => {
    expect(() => store.create("task", { title: "" })).toThrow("A task needs a title.");
    expect(() => store.create("checkpoint", { title: "x" })).toThrow("needs a date");
    expect(() => store.update("task", "nope", {})).toThrow(expect.objectContaining({ code: "not_found" }));
    expect(() => store.delete("note", "nope")).toThrow(expect.objectContaining({ code: "not_found" }));
  });

  it("does not let an update change the id", () => {
    expect(store.update("task", "t-1", { id: "t-2", title: "x" }).id).toBe("t-1");
    expect(store.get("task", "t-2")?.["title"]).not.toBe("x");
  });

  it("applies changes of other devices, even twice", () => {
    const made = { op: "create", entity: "task", id: "far", data: { title: "From afar" } } as const;
    store.apply(made);
    store.apply(made);
    expect(store.items.task.filter(({ id }) => id === "far")).toEqual([{ id: "far", title: "From afar" }]);
    store.apply({ op: "update", entity: "task", id: "far", data: { status: "done" } });
    expect(store.get("task", "far")).toEqual({ id: "far", title: "From afar", status: "done" });
    store.apply({ op: "delete", entity: "task", id: "far" });
    store.apply({ op: "delete", entity: "task", id: "far" });
    expect(store.get("task", "far")).toBeUndefined();
  });

  it.each(["__proto__", "constructor", "invoice"])("ignores a change of the unknown entity %s", (kind) => {
    const before = store.items;
    const change = { op: "create", entity: kind, id: "x", data: { title: "X" } } as unknown as Change;
    expect(store.apply(change)).toBe(false);
    expect(store.items).toBe(before);
    expect(store.apply({ ...change, entity: "task" })).toBe(true);
  });

  it("notifies watchers, with a new snapshot each time", () => {
    const seen = [store.items];
    const stop = store.subscribe(() => seen.push(store.items));
    store.delete("task", "t-1");
    stop();
    store.delete("task", "t-2");
    expect(seen).toHaveLength(2);
    expect(seen[0]).not.toBe(seen[1]);
  });
});

it("implements all twenty tools", async () => {
  const tools = toolsOver(store);
  for (const entity of ENTITIES) {
    expect(Object.keys(tools[entity] ?? {}).sort()).toEqual(["create", "delete", "get", "list", "update"]);
  }
  const made = await tools.task?.create?.({ data: { title: "New" } }, context);
  expect(made).toMatchObject({ title: "New", status: "todo" });
  expect(await tools.task?.get?.({ id: made?.id ?? "" }, context)).toEqual(made);
  expect(await tools.note?.get?.({ id: "nope" }, context)).toBeUndefined();
});

describe("a form", () => {
  const form = (values: Record<string, string>) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(values)) data.set(name, value);
    return data;
  };

  it("returns only the changed fields", () => {
    const item = store.get("task", "t-1");
    const same = Object.fromEntries(FIELDS.task.map((field) => [field.name, toControl(field, item)]));
    expect(changes(FIELDS.task, item, form(same))).toEqual({});
    const edited = { ...same, title: " Send it ", dueDate: "", projectId: "p-atlas" };
    expect(changes(FIELDS.task, item, form(edited))).toEqual({ title: "Send it", dueDate: null, projectId: "p-atlas" });
  });

  it("returns days as they are, and flags as booleans", () => {
    const item = store.get("checkpoint", "k-4");
    const entered = { title: "Pilot ends", date: "2026-12-24", isApproved: "on", projectId: "p-tide" };
    expect(changes(FIELDS.checkpoint, item, form(entered))).toEqual({
      date: "2026-12-24",
      isApproved: true,
    });
  });
});
