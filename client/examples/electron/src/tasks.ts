import { randomUUID } from "node:crypto";
import { type EntityTools, type Items, isInRange, ToolError, today } from "@tessera/client";

type Task = Items["task"];

/** The device's tasks. A real app reads them from its storage, and has such tools for all four entities. */
export class Tasks implements EntityTools<Task> {
  readonly #tasks = new Map<string, Task>([
    ["t1", { id: "t1", title: "Send the contract", status: "todo", priority: "high", dueDate: today() }],
    ["t2", { id: "t2", title: "Choose the typeface", status: "done", priority: "low" }],
  ]);

  list({ filter = {}, text = "", limit = 200 }: Parameters<EntityTools<Task>["list"]>[0]): { items: Task[] } {
    const fits = (task: Task): boolean =>
      task.title.toLowerCase().includes(text.toLowerCase()) &&
      Object.entries(filter).every(([field, wanted]) => holds(task[field as keyof Task], wanted));
    return { items: [...this.#tasks.values()].filter(fits).slice(0, limit) };
  }

  get({ id }: { id: string }): Task | undefined {
    return this.#tasks.get(id);
  }

  create({ data }: Parameters<EntityTools<Task>["create"]>[0]): Task {
    return this.#put({ title: "", ...data } as Omit<Task, "id">, randomUUID());
  }

  update({ id, data }: Parameters<EntityTools<Task>["update"]>[0]): Task {
    return this.#put({ ...this.#known(id), ...data } as Task, id);
  }

  delete({ id }: { id: string }): void {
    this.#tasks.delete(this.#known(id).id);
  }

  #known(id: string): Task {
    const task = this.#tasks.get(id);
    if (task === undefined) {
      throw new ToolError("not_found", "There is no task with this id.");
    }
    return task;
  }

  #put(fields: Omit<Task, "id">, id: string): Task {
    const task = { ...fields, id };
    this.#tasks.set(id, task);
    return task;
  }
}

/** Matches a filter's condition: a value, or a range of dates. */
function holds(value: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) {
    return value === wanted;
  }
  return isInRange(value, wanted);
}
