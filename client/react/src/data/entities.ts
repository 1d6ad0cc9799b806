import { withoutBidiControls } from "./bidi.js";
import { calendarDay, epochMs, type Zoned } from "./dates.js";
import { isObject, type JsonObject, objectsOf, textOf } from "./json.js";

export const ENTITIES = ["task", "project", "note", "checkpoint"] as const;
export type EntityName = (typeof ENTITIES)[number];

/** An item, prepared for a row or a card. `item` is the original data. */
export interface EntityItem {
  readonly id: string;
  /** Empty if the item has none. */
  readonly title: string;
  readonly done: boolean;
  readonly status: string;
  readonly priority: string;
  readonly assignee: string;
  readonly projectId: string;
  /** Epoch milliseconds; the start of a calendar day in the reader's time zone. */
  readonly date: number | undefined;
  /** The calendar day that `date` is, if the item has a day and no time. */
  readonly day: string | undefined;
  readonly excerpt: string;
  readonly suggested: boolean;
  readonly approved: boolean | undefined;
  readonly item: JsonObject;
}

export interface EntityList {
  readonly entity: EntityName;
  readonly items: readonly EntityItem[];
}

const DATE_FIELD: Readonly<Record<EntityName, string>> = {
  task: "dueDate",
  project: "dueDate",
  note: "createdAt",
  checkpoint: "date",
};
const FINISHED = new Set(["done", "completed", "complete", "finished", "closed"]);
const EXCERPT_CHARS = 160;

/** Reads the data of an `entity_ref` block. Returns undefined if it is invalid. */
export function readEntities(data: unknown, zoned: Zoned = {}): EntityList | undefined {
  if (!isObject(data)) return undefined;
  const entity = ENTITIES.find((known) => known === data["entity"]);
  const items = objectsOf(data["items"]);
  if (entity === undefined || items === undefined) return undefined;
  return { entity, items: items.map((item, index) => readItem(entity, item, index, zoned)) };
}

function readItem(entity: EntityName, item: JsonObject, index: number, zoned: Zoned): EntityItem {
  const date = item[DATE_FIELD[entity]];
  // The time at which a note was written is an instant, also at midnight.
  const formOf: Zoned = entity === "note" ? { ...zoned, dates: "date" } : zoned;
  const content = textOf(item["content"] ?? item["description"]);
  return {
    id: textOf(item["id"]) || String(index),
    title: withoutBidiControls(textOf(item["title"]) || textOf(item["name"])),
    done: FINISHED.has(textOf(item["status"]).toLowerCase()),
    status: textOf(item["status"]),
    priority: textOf(item["priority"]),
    assignee: withoutBidiControls(textOf(item["assignee"])),
    projectId: textOf(item["projectId"]),
    date: epochMs(date, formOf),
    day: calendarDay(date, formOf),
    excerpt: content.length > EXCERPT_CHARS ? `${content.slice(0, EXCERPT_CHARS).trimEnd()}…` : content,
    suggested: item["isAiSuggested"] === true,
    approved: typeof item["isApproved"] === "boolean" ? item["isApproved"] : undefined,
    item,
  };
}
