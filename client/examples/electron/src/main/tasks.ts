import { randomUUID } from "node:crypto";
import {
  type Change,
  type EntityTools,
  isInRange,
  type ListArgs,
  type Listed,
  type Store,
  ToolError,
  today,
} from "@tessera/client";
import type { Task } from "../bridge.js";

const KEY = "tasks";

/** The device's tasks, kept in `store`. A real app has such tools for all four entities. */
export class Tasks implements EntityTools<Task> {
  readonly #tasks: Map<string, Task>;

  /** `onChange` is called after each change. */
  constructor(
    private readonly store: Store,
    private readonly onChange: () => void,
  ) {
    const kept = store.getItem(KEY);
    const tasks = kept === null ? sample() : (JSON.parse(kept) as Task[]);
    this.#tasks = new Map(tasks.map((task) => [task.id, task]));
  }

  get all(): readonly Task[] {
    return [...this.#tasks.values()];
  }

  list({ filter = {}, text = "", limit = 200 }: ListArgs): Listed<Task> {
    const fits = (task: Task): boolean =>
      task.title.toLowerCase().includes(text.toLowerCase()) &&
      Object.entries(filter).every(([field, wanted]) => holds(task[field as keyof Task], wanted));
    const found = this.all.filter(fits);
    return { items: found.slice(0, limit), truncated: found.length > limit, total: found.length };
  }

  get({ id }: { id: string }): Task | undefined {
    return this.#tasks.get(id);
  }

  /** Keeps an `id` that is given: undo creates a deleted task again with its id. */
  create({ data }: Parameters<EntityTools<Task>["create"]>[0]): Task {
    return this.#put({ title: "", ...data, id: data.id ?? randomUUID() } as Task);
  }

  update({ id, data }: Parameters<EntityTools<Task>["update"]>[0]): Task {
    return this.#put({ ...this.#known(id), ...data, id } as Task);
  }

  delete({ id }: { id: string }): void {
    this.#tasks.delete(this.#known(id).id);
    this.#changed();
  }

  /** Make a change of another device. One that was made before changes nothing. */
  apply({ op, entity, id, data }: Change): void {
    if (entity !== "task") {
      return;
    }
    if (op !== "delete") {
      this.#put({ title: "", ...this.#tasks.get(id), ...data, id } as Task);
    } else if (this.#tasks.delete(id)) {
      this.#changed();
    }
  }

  #known(id: string): Task {
    const task = this.#tasks.get(id);
    if (task === undefined) {
      throw new ToolError("not_found", "There is no task with this id.");
    }
    return task;
  }

  #put(task: Task): Task {
    this.#tasks.set(task.id, task);
    this.#changed();
    return task;
  }

  /** The tasks are on the disk before a tool reports success. */
  #changed(): void {
    this.store.setItem(KEY, JSON.stringify(this.all));
    this.onChange();
  }
}

function sample(): Task[] {
  return [
    { id: "t1", title: "Send the contract", status: "todo", priority: "high", dueDate: today() },
    { id: "t2", title: "Choose the typeface", status: "done", priority: "low" },
  ];
}

/** Matches a filter's condition: a value, or a range of dates. */
function holds(value: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) {
    return value === wanted;
  }
  return isInRange(value, wanted);
}
