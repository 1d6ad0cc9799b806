import { type Entity, today } from "@tessera/client";
import type { Wording } from "@tessera/react";
import { useState } from "react";
import { changes, FIELDS } from "../device/fields.js";
import { ENTITIES, type Item, type ItemsByEntity, nameOf } from "../device/items.js";
import { type Choice, chosen, FILTERS, type Filter } from "../device/view.js";
import { sentence } from "../session/account.js";
import type { Session } from "../session/session.js";
import { fill, useWords } from "../words/words.js";
import { ItemForm } from "./ItemForm.js";
import { ItemRow } from "./ItemRow.js";
import { Tabs, tabId } from "./Tabs.js";

export interface DataPanelProps {
  readonly session: Session;
  readonly items: ItemsByEntity;
  /** The names of fields and of their values. */
  readonly wording: Wording;
  readonly onAsk: (entity: Entity, item: Item) => void;
}

const NEW = "new";
const EVERYTHING: Choice = { filter: "all", text: "", project: "" };

/** The device's data. Changes made here are sent to the person's other devices. */
export function DataPanel({ session, items, wording, onAsk }: DataPanelProps) {
  const words = useWords();
  const [entity, setEntity] = useState<Entity>("task");
  const [choice, setChoice] = useState(EVERYTHING);
  const [editing, setEditing] = useState<string>();
  const [refusal, setRefusal] = useState("");
  const now = today();
  const shown = chosen(entity, items[entity], choice, now);

  const attempt = (work: () => void) => {
    try {
      work();
      setEditing(undefined);
      setRefusal("");
    } catch (error) {
      setRefusal(sentence(error));
    }
  };
  const change = (item: Item, data: Readonly<Record<string, unknown>>) =>
    attempt(() => {
      const saved = session.store.update(entity, item.id, data);
      session.tell({ op: "update", entity, id: saved.id, data: { ...saved } });
    });
  const save = (item: Item | undefined, form: FormData) => {
    const data = changes(FIELDS[entity], item, form);
    if (item !== undefined) change(item, data);
    else
      attempt(() => {
        const saved = session.store.create(entity, data);
        session.tell({ op: "create", entity, id: saved.id, data: { ...saved } });
      });
  };
  const remove = (item: Item) =>
    attempt(() => {
      session.store.delete(entity, item.id);
      session.tell({ op: "delete", entity, id: item.id });
      session.notice(fill(words.deleted, { name: nameOf(entity, item) }), () => {
        const back = session.store.create(entity, item);
        session.tell({ op: "create", entity, id: back.id, data: { ...back } });
      });
    });
  const filters: readonly Filter[] = FILTERS[entity];

  return (
    <section className="data" aria-label={words.thisDevice}>
      <Tabs
        label={words.kinds}
        panel="data-panel"
        tabs={ENTITIES.map((name) => ({
          name,
          title: (
            <>
              {words.entities[name]} <span className="muted">{items[name].length}</span>
            </>
          ),
        }))}
        chosen={entity}
        onChoose={(name) => {
          setEntity(name);
          setChoice(EVERYTHING);
          setEditing(undefined);
          setRefusal("");
        }}
      />
      <div id="data-panel" role="tabpanel" aria-labelledby={tabId("data-panel", entity)} className="data-panel">
        <search className="panel-head">
          <input
            type="search"
            aria-label={words.search}
            placeholder={words.search}
            value={choice.text}
            onChange={(event) => setChoice({ ...choice, text: event.target.value })}
          />
          {filters.length > 1 ? (
            <select
              aria-label={words.filter}
              value={choice.filter}
              onChange={(event) => setChoice({ ...choice, filter: event.target.value as Filter })}
            >
              {filters.map((filter) => (
                <option key={filter} value={filter}>
                  {words[filter]}
                </option>
              ))}
            </select>
          ) : null}
          {entity === "project" ? null : (
            <select
              aria-label={words.entity.project}
              value={choice.project}
              onChange={(event) => setChoice({ ...choice, project: event.target.value })}
            >
              <option value="">{words.allProjects}</option>
              {items.project.map((project) => (
                <option key={project.id} value={project.id}>
                  {nameOf("project", project)}
                </option>
              ))}
            </select>
          )}
          <button type="button" onClick={() => setEditing(NEW)}>
            {words.add}
          </button>
        </search>
        <p role="alert" className="fault">
          {refusal}
        </p>
        {editing === NEW ? (
          <ItemForm
            entity={entity}
            wording={wording}
            items={items}
            onSave={(form) => save(undefined, form)}
            onCancel={() => setEditing(undefined)}
          />
        ) : null}
        {shown.length === 0 ? <p className="empty muted">{words.nothingFound}</p> : null}
        <ul className="items" aria-label={words.entities[entity]}>
          {shown.map((item) => (
            <li key={item.id}>
              {editing === item.id ? (
                <ItemForm
                  entity={entity}
                  wording={wording}
                  item={item}
                  items={items}
                  onSave={(form) => save(item, form)}
                  onCancel={() => setEditing(undefined)}
                />
              ) : (
                <ItemRow
                  entity={entity}
                  item={item}
                  today={now}
                  project={items.project.find(({ id }) => id === item["projectId"])}
                  onAsk={() => onAsk(entity, item)}
                  onEdit={() => setEditing(item.id)}
                  onDelete={() => remove(item)}
                  onChange={(data) => change(item, data)}
                />
              )}
            </li>
          ))}
        </ul>
        <div className="panel-head">
          <button
            type="button"
            className="quiet"
            onClick={() => attempt(() => session.notice(words.resetDone, session.store.reset()))}
          >
            {words.reset}
          </button>
        </div>
      </div>
    </section>
  );
}
