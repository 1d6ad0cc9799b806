import { dayOf, type Entity } from "@tessera/client";
import { type Item, nameOf } from "./items.js";

/** The filters of a kind of item, by entity. `all` is the default. */
export const FILTERS = {
  task: ["all", "open", "overdue", "done"],
  project: ["all", "active", "done"],
  note: ["all"],
  checkpoint: ["all", "waiting", "approved"],
} as const satisfies Readonly<Record<Entity, readonly string[]>>;

export type Filter = "all" | "open" | "overdue" | "done" | "active" | "waiting" | "approved";

/** What the panel shows of a list. */
export interface Choice {
  readonly filter: Filter;
  /** Words that an item must have, in any order. */
  readonly text: string;
  /** The id of a project, or "" for all items. */
  readonly project: string;
}

const DAY_FIELD: Readonly<Partial<Record<Entity, string>>> = { task: "dueDate", checkpoint: "date" };

/** The day of an item as `2026-03-09`; undefined for an item without one. */
export function itemDay(entity: Entity, item: Item): string | undefined {
  const field = DAY_FIELD[entity];
  return field === undefined ? undefined : dayOf(item[field]);
}

export function isDone(item: Item): boolean {
  return item["status"] === "done" || item["status"] === "completed";
}

/** Whether an open task was due before `today`, a day such as `2026-03-09`. */
export function isLate(entity: Entity, item: Item, today: string): boolean {
  const day = itemDay(entity, item);
  return entity === "task" && !isDone(item) && day !== undefined && day < today;
}

/** The items that the choice matches: open ones first, then by day, then in their order. */
export function chosen(entity: Entity, items: readonly Item[], choice: Choice, today: string): readonly Item[] {
  const words = choice.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = items.filter(
    (item) =>
      passes(entity, item, choice.filter, today) &&
      (choice.project === "" || entity === "project" || item["projectId"] === choice.project) &&
      mentions(entity, item, words),
  );
  const day = (item: Item) => itemDay(entity, item) ?? "9999-99-99";
  const rank = (item: Item) => (isDone(item) ? 1 : 0);
  return found.sort((a, b) => rank(a) - rank(b) || day(a).localeCompare(day(b)));
}

function passes(entity: Entity, item: Item, filter: Filter, today: string): boolean {
  switch (filter) {
    case "all":
      return true;
    case "open":
      return !isDone(item);
    case "overdue":
      return isLate(entity, item, today);
    case "done":
      return isDone(item);
    case "active":
      return item["status"] === "active";
    case "waiting":
      return item["isApproved"] === false;
    case "approved":
      return item["isApproved"] === true;
  }
}

function mentions(entity: Entity, item: Item, words: readonly string[]): boolean {
  const text = [nameOf(entity, item), ...Object.values(item).filter((value) => typeof value === "string")]
    .join(" ")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
