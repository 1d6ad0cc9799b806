import type { Entity } from "@tessera/client";

/** Something on the device. Which fields it has depends on the entity; the server and its model may add others. */
export interface Item {
  readonly id: string;
  readonly [field: string]: unknown;
}

export type ItemsByEntity = Readonly<Record<Entity, readonly Item[]>>;

export const ENTITIES = ["task", "project", "note", "checkpoint"] as const satisfies readonly Entity[];

/** The field that holds what a person calls an item. */
export const NAME_FIELD: Readonly<Record<Entity, string>> = {
  task: "title",
  project: "name",
  note: "title",
  checkpoint: "title",
};

export function nameOf(entity: Entity, item: Item): string {
  const name = item[NAME_FIELD[entity]];
  return typeof name === "string" && name !== "" ? name : item.id;
}

/** Epoch milliseconds of a number of them or of an ISO 8601 string; undefined for anything else. */
export function toEpochMs(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  const ms = typeof value === "string" && /^\d{4}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
