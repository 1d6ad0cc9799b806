import { type Change, dayOf, type Entity, isInRange, type ListArgs, ToolError } from "@tessera/client";
import { ENTITIES, type Item, type ItemsByEntity, NAME_FIELD, nameOf } from "./items.js";

/** The storage of the data: the tab's `sessionStorage`, or a test's storage. */
export type Keeper = Pick<Storage, "getItem" | "setItem">;

const KEY = "tessera.items";
const MOST_LISTED = 200;
const DEFAULTS: Readonly<Record<Entity, Readonly<Record<string, unknown>>>> = {
  task: { status: "todo", priority: "medium", assignee: null, dueDate: null, projectId: null },
  project: { clientId: null, status: "active" },
  note: { content: "", projectId: null },
  checkpoint: { projectId: null, isAiSuggested: false, isApproved: true },
};

/** The device's data: four lists of items, kept until the tab is closed. */
export class Store {
  #items: ItemsByEntity;
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly keeper: Keeper,
    private readonly sample: () => ItemsByEntity,
    private readonly newId: () => string = () => crypto.randomUUID().slice(0, 8),
    private readonly now: () => number = Date.now,
  ) {
    this.#items = read(keeper) ?? sample();
  }

  /** All items. Each change creates a new object. */
  get items(): ItemsByEntity {
    return this.#items;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  list(entity: Entity, { filter = {}, text = "", limit = MOST_LISTED }: ListArgs) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#items[entity].filter(
      (item) =>
        Object.entries(filter).every(([field, wanted]) => matches(item[field], wanted)) && mentions(item, words),
    );
    return { items: found.slice(0, limit), truncated: found.length > limit, total: found.length };
  }

  get(entity: Entity, id: string): Item | undefined {
    return this.#items[entity].find((item) => item.id === id);
  }

  /**
   * An id in `data` is kept if no item has it: undo creates a deleted item again with its id. Throws `ToolError` for an
   * item without a name, or a checkpoint without a date.
   */
  create(entity: Entity, data: Readonly<Record<string, unknown>>): Item {
    const made = entity === "note" ? { createdAt: this.now() } : {};
    const given = data["id"];
    const free = typeof given === "string" && given !== "" && this.get(entity, given) === undefined;
    const id = free ? given : `${entity}-${this.newId()}`;
    const item: Item = { ...DEFAULTS[entity], ...made, ...data, id };
    check(entity, item);
    this.#put(entity, [...this.#items[entity], item]);
    return item;
  }

  /** Returns the complete item after the change. Throws `ToolError` for an unknown id, and as `create` does. */
  update(entity: Entity, id: string, data: Readonly<Record<string, unknown>>): Item {
    const item: Item = { ...this.#existing(entity, id), ...data, id };
    check(entity, item);
    this.#put(
      entity,
      this.#items[entity].map((other) => (other.id === id ? item : other)),
    );
    return item;
  }

  delete(entity: Entity, id: string): { id: string } {
    this.#existing(entity, id);
    this.#put(
      entity,
      this.#items[entity].filter((item) => item.id !== id),
    );
    return { id };
  }

  /**
   * Apply a change that another device made. The change may arrive twice, or refer to an item that is not here. Returns
   * false for an entity that this device does not have.
   */
  apply({ op, entity, id, data }: Change): boolean {
    // The entity comes from another device, and the server forwards unknown ones. `__proto__` must not match.
    if (!ENTITIES.includes(entity)) return false;
    const others = this.#items[entity];
    if (op === "delete") {
      this.#put(
        entity,
        others.filter((item) => item.id !== id),
      );
      return true;
    }
    const item: Item = { ...this.get(entity, id), ...data, id };
    const known = others.some((other) => other.id === id);
    this.#put(entity, known ? others.map((other) => (other.id === id ? item : other)) : [...others, item]);
    return true;
  }

  /** Replace everything by the sample data. Returns a function that brings the earlier items back. */
  reset(): () => void {
    const before = this.#items;
    this.#replace(this.sample());
    return () => this.#replace(before);
  }

  #existing(entity: Entity, id: string): Item {
    const item = this.get(entity, id);
    if (item === undefined) throw new ToolError("not_found", `There is no ${entity} with the id ${id}.`);
    return item;
  }

  #put(entity: Entity, items: readonly Item[]): void {
    this.#replace({ ...this.#items, [entity]: items });
  }

  #replace(items: ItemsByEntity): void {
    this.#items = items;
    this.keeper.setItem(KEY, JSON.stringify(items));
    for (const listener of [...this.#listeners]) listener();
  }
}

function read(keeper: Keeper): ItemsByEntity | undefined {
  try {
    return JSON.parse(keeper.getItem(KEY) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

function check(entity: Entity, item: Item): void {
  if (nameOf(entity, item) === item.id)
    throw new ToolError("invalid_args", `A ${entity} needs a ${NAME_FIELD[entity]}.`);
  if (entity === "checkpoint" && dayOf(item["date"]) === undefined) {
    throw new ToolError("invalid_args", "A checkpoint needs a date: a day such as 2026-03-09, or epoch milliseconds.");
  }
}

/** Matches a filter's condition: a value, or a range `{ after, before }` that includes `after` and excludes `before`. */
function matches(value: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return (value ?? null) === wanted;
  return isInRange(value, wanted);
}

function mentions(item: Item, words: readonly string[]): boolean {
  const text = Object.values(item)
    .filter((value) => typeof value === "string")
    .join(" ")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
