import type { Entity } from "@tessera/client";
import type { Wording } from "@tessera/react";
import type { FormEvent } from "react";
import { FIELDS, type Field, toControl } from "../device/fields.js";
import { type Item, type ItemsByEntity, nameOf } from "../device/items.js";
import { fill, useWords } from "../words/words.js";

export interface ItemFormProps {
  readonly entity: Entity;
  /** Absent for a new item. */
  readonly item?: Item;
  readonly items: ItemsByEntity;
  /** The names of the fields and of their values. */
  readonly wording: Wording;
  readonly onSave: (form: FormData) => void;
  readonly onCancel: () => void;
}

/** A form for the fields of one item. */
export function ItemForm({ entity, item, items, wording, onSave, onCancel }: ItemFormProps) {
  const words = useWords();
  const title = item
    ? fill(words.editItem, { name: nameOf(entity, item) })
    : fill(words.newItem, { what: words.entity[entity] });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onSave(new FormData(event.currentTarget));
  };
  return (
    <form className="item-form" aria-label={title} onSubmit={submit}>
      {FIELDS[entity].map((field) => (
        // biome-ignore lint/a11y/noLabelWithoutControl: Control renders the labelled element
        <label key={field.name}>
          {wording.fields[field.name] ?? field.name}
          <Control field={field} value={toControl(field, item)} projects={items.project} wording={wording} />
        </label>
      ))}
      <div className="buttons">
        <button type="submit" className="primary">
          {words.save}
        </button>
        <button type="button" onClick={onCancel}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}

interface ControlProps {
  readonly field: Field;
  readonly value: string;
  readonly projects: readonly Item[];
  readonly wording: Wording;
}

function Control({ field: { name, kind, choices = [] }, value, projects, wording }: ControlProps) {
  switch (kind) {
    case "text":
      return <input name={name} defaultValue={value} autoComplete="off" />;
    case "long":
      return <textarea name={name} defaultValue={value} rows={4} />;
    case "day":
      return <input name={name} type="date" defaultValue={value} />;
    case "flag":
      return <input name={name} type="checkbox" defaultChecked={value === "true"} />;
    case "choice":
      return (
        <select name={name} defaultValue={value}>
          {[...new Set([...choices, value])].map((choice) => (
            <option key={choice} value={choice}>
              {wording.values[choice] ?? choice.replace("_", " ")}
            </option>
          ))}
        </select>
      );
    case "project":
      return (
        <select name={name} defaultValue={value}>
          <option value="">{wording.none}</option>
          {projects.map((project) => (
            <option key={project.id} value={project.id}>
              {nameOf("project", project)}
            </option>
          ))}
        </select>
      );
  }
}
