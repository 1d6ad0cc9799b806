import type { EntityTools, Tools } from "@tessera/client";
import { ENTITIES, type Item } from "./items.js";
import type { Store } from "./store.js";

/** The twenty tools of a device over `store`: five verbs for each of the four entities. */
export function toolsOver(store: Store): Tools {
  const table = Object.fromEntries(
    ENTITIES.map((entity): [string, EntityTools<Item>] => [
      entity,
      {
        list: (args) => store.list(entity, args),
        get: ({ id }) => store.get(entity, id),
        create: ({ data }) => store.create(entity, data),
        update: ({ id, data }) => store.update(entity, id, data),
        delete: ({ id }) => store.delete(entity, id),
      },
    ]),
  );
  // The items have the fields of their entities. The store's type does not distinguish entities.
  return table as unknown as Tools;
}
