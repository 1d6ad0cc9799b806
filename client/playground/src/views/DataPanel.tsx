import type { Entity } from "@tessera/client";
import { useState } from "react";
import { changes, FIELDS } from "../device/fields.js";
import { ENTITIES, type Item, type ItemsByEntity, nameOf } from "../device/items.js";
import { sentence } from "../session/account.js";
import type { Session } from "../session/session.js";
import { ItemForm } from "./ItemForm.js";
import { Tabs, tabId } from "./Tabs.js";

export interface DataPanelProps {
  readonly session: Session;
  readonly items: ItemsByEntity;
  readonly onAsk: (entity: Entity, item: Item) => void;
}

const NEW = "new";

/** The device's data. Changes made here are sent to the person's other devices. */
export function DataPanel({ session, items, onAsk }: DataPanelProps) {
  const [entity, setEntity] = useState<Entity>("task");
  const [editing, setEditing] = useState<string>();
  const [refusal, setRefusal] = useState("");

  const attempt = (work: () => void) => {
    try {
      work();
      setEditing(undefined);
      setRefusal("");
    } catch (error) {
      setRefusal(sentence(error));
    }
  };
  const save = (item: Item | undefined, form: FormData) =>
    attempt(() => {
      const data = changes(FIELDS[entity], item, form);
      const saved =
        item === undefined ? session.store.create(entity, data) : session.store.update(entity, item.id, data);
      session.tell({ op: item === undefined ? "create" : "update", entity, id: saved.id, data: { ...saved } });
    });
  const remove = (id: string) =>
    attempt(() => {
      session.store.delete(entity, id);
      session.tell({ op: "delete", entity, id });
    });

  return (
    <section className="data" aria-label="This device's data">
      <Tabs
        label="Entities"
        panel="data-panel"
        tabs={ENTITIES.map((name) => ({
          name,
          title: (
            <>
              {name}s <span className="muted">{items[name].length}</span>
            </>
          ),
        }))}
        chosen={entity}
        onChoose={(name) => {
          setEntity(name);
          setEditing(undefined);
          setRefusal("");
        }}
      />
      <div id="data-panel" role="tabpanel" aria-labelledby={tabId("data-panel", entity)} className="data-panel">
        <div className="panel-head">
          <button type="button" onClick={() => setEditing(NEW)}>
            Add {entity}
          </button>
          <button type="button" onClick={() => attempt(() => session.store.reset())}>
            Reset data
          </button>
        </div>
        <p role="alert" className="fault">
          {refusal}
        </p>
        {editing === NEW ? (
          <ItemForm
            entity={entity}
            items={items}
            onSave={(form) => save(undefined, form)}
            onCancel={() => setEditing(undefined)}
          />
        ) : null}
        <ul className="items" aria-label={`${entity}s`}>
          {items[entity].map((item) => (
            <li key={item.id}>
              {editing === item.id ? (
                <ItemForm
                  entity={entity}
                  item={item}
                  items={items}
                  onSave={(form) => save(item, form)}
                  onCancel={() => setEditing(undefined)}
                />
              ) : (
                <ItemRow
                  entity={entity}
                  item={item}
                  onAsk={() => onAsk(entity, item)}
                  onEdit={() => setEditing(item.id)}
                  onDelete={() => remove(item.id)}
                />
              )}
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

interface ItemRowProps {
  readonly entity: Entity;
  readonly item: Item;
  readonly onAsk: () => void;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
}

function ItemRow({ entity, item, onAsk, onEdit, onDelete }: ItemRowProps) {
  const name = nameOf(entity, item);
  const status = typeof item["status"] === "string" ? item["status"].replace("_", " ") : "";
  return (
    <div className="item-row" data-done={status === "done" || status === "completed"}>
      <button type="button" className="item-name" aria-label={`Ask about ${name}`} onClick={onAsk}>
        {name}
      </button>
      <span className="muted">{status}</span>
      <span className="item-actions">
        <button type="button" aria-label={`Edit ${name}`} onClick={onEdit}>
          ✎
        </button>
        <button type="button" aria-label={`Delete ${name}`} onClick={onDelete}>
          ✕
        </button>
      </span>
    </div>
  );
}
