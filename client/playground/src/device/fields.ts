import { dayOf, type Entity } from "@tessera/client";
import type { Item } from "./items.js";

/** A field of an item in a form. */
export interface Field {
  readonly name: string;
  readonly kind: "text" | "long" | "choice" | "day" | "project" | "flag";
  readonly choices?: readonly string[];
}

const PROJECT: Field = { name: "projectId", kind: "project" };
const PRIORITIES = ["high", "medium", "low"];

/** The fields that a person can edit, by entity. Other fields of an item are not changed. */
export const FIELDS: Readonly<Record<Entity, readonly Field[]>> = {
  task: [
    { name: "title", kind: "text" },
    { name: "status", kind: "choice", choices: ["todo", "in_progress", "done"] },
    { name: "priority", kind: "choice", choices: PRIORITIES },
    { name: "dueDate", kind: "day" },
    { name: "assignee", kind: "text" },
    PROJECT,
  ],
  project: [
    { name: "name", kind: "text" },
    { name: "status", kind: "choice", choices: ["active", "on_hold", "completed"] },
    { name: "clientId", kind: "text" },
  ],
  note: [{ name: "title", kind: "text" }, { name: "content", kind: "long" }, PROJECT],
  checkpoint: [
    { name: "title", kind: "text" },
    { name: "date", kind: "day" },
    { name: "isApproved", kind: "flag" },
    PROJECT,
  ],
};

/** The field's value for its form control. */
export function toControl(field: Field, item: Item | undefined): string {
  const value = item?.[field.name];
  if (field.kind === "day") return dayOf(value) ?? "";
  if (value === undefined || value === null) return field.choices?.[0] ?? "";
  return String(value);
}

/** The entered values that differ from `item`. The value of a cleared field is null. */
export function changes(fields: readonly Field[], item: Item | undefined, form: FormData): Record<string, unknown> {
  const changed: Record<string, unknown> = {};
  for (const field of fields) {
    const entered = field.kind === "flag" ? String(form.has(field.name)) : String(form.get(field.name) ?? "").trim();
    if (item !== undefined && entered === toControl(field, item)) continue;
    if (field.kind === "flag") changed[field.name] = entered === "true";
    else if (entered === "") changed[field.name] = null;
    else changed[field.name] = entered;
  }
  return changed;
}
