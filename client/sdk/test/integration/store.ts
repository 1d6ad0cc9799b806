import { ENTITIES, type Entity, ToolError, type Tools } from "../../src/index.js";

type Item = { id: string; [field: string]: unknown };

/** A device's items in memory. */
export class Store {
  readonly items: Record<Entity, Map<string, Item>>;
  #created = 0;

  constructor(items: Partial<Record<Entity, readonly Item[]>>) {
    const byId = (entity: Entity): Map<string, Item> => new Map((items[entity] ?? []).map((item) => [item.id, item]));
    this.items = { task: byId("task"), project: byId("project"), note: byId("note"), checkpoint: byId("checkpoint") };
  }

  /** The twenty tools over these items. */
  tools(): Tools {
    return Object.fromEntries(ENTITIES.map((entity) => [entity, this.#toolsOf(this.items[entity])])) as Tools;
  }

  #toolsOf(items: Map<string, Item>): object {
    const known = (id: string): Item => {
      const item = items.get(id);
      if (item === undefined) {
        throw new ToolError("not_found", "There is no such item.");
      }
      return item;
    };
    return {
      list: ({ filter = {} }: { filter?: Record<string, unknown> }) => ({
        items: [...items.values()].filter((item) =>
          Object.entries(filter).every(([field, value]) => typeof value === "object" || item[field] === value),
        ),
      }),
      get: ({ id }: { id: string }) => items.get(id),
      create: ({ data }: { data: object }) => {
        this.#created += 1;
        const item = { ...data, id: `new-${this.#created}` };
        items.set(item.id, item);
        return item;
      },
      update: ({ id, data }: { id: string; data: object }) => {
        const item = { ...known(id), ...data };
        items.set(id, item);
        return item;
      },
      delete: ({ id }: { id: string }) => items.delete(known(id).id),
    };
  }
}

/** A few items, with dates around now. */
export function sampleStore(): Store {
  const day = 86_400_000;
  const now = Date.now();
  const task = (id: string, title: string, status: string, priority: string, due: number, projectId: string): Item => ({
    ...{ id, title, status, priority, projectId },
    assignee: "me",
    dueDate: now + due * day,
  });
  return new Store({
    task: [
      task("t1", "Renew the domain", "todo", "high", 0, "p1"),
      task("t2", "Call the print shop", "in_progress", "low", -1, "p2"),
      task("t3", "Choose the typeface", "done", "medium", 2, "p1"),
    ],
    project: [
      { id: "p1", name: "Harbour", clientId: null, status: "active" },
      { id: "p2", name: "Atlas", clientId: null, status: "active" },
    ],
    note: [{ id: "n1", title: "Paper samples", content: "120 g feels right", createdAt: now - day, projectId: "p2" }],
    checkpoint: [
      { id: "c1", title: "Beta", date: now + 3 * day, projectId: "p1", isAiSuggested: false, isApproved: true },
      { id: "c2", title: "Launch", date: now + 9 * day, projectId: "p1", isAiSuggested: true, isApproved: false },
    ],
  });
}
