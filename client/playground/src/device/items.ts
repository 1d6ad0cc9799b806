import type { Entity } from "@tessera/client";

/** An item on the device. Its fields depend on the entity; the server and its model may add others. */
export interface Item {
  readonly id: string;
  readonly [field: string]: unknown;
}

export type ItemsByEntity = Readonly<Record<Entity, readonly Item[]>>;

export const ENTITIES = ["task", "project", "note", "checkpoint"] as const satisfies readonly Entity[];

/** The field with an item's name for people, by entity. */
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
