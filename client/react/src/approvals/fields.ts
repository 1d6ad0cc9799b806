import { isCalendarDay } from "@tessera/client";
import { isObject } from "../data/json.js";

/** A field of the item in an approval's form. `kind` chooses its control. */
export interface ApprovalField {
  readonly name: string;
  readonly kind: "text" | "long" | "day" | "number" | "flag" | "json";
  readonly value: unknown;
}

const LONG = new Set(["content", "description"]);
const DAYS = new Set(["dueDate", "date", "startDate"]);

/** The fields that the call would write, in its order; empty for a call that writes none, such as a deletion. */
export function fieldsOf(args: Readonly<Record<string, unknown>>): readonly ApprovalField[] {
  const data = args["data"];
  if (!isObject(data)) return [];
  return Object.entries(data)
    .filter(([name]) => name !== "id")
    .map(([name, value]) => ({ name, kind: kindOf(name, value), value }));
}

function kindOf(name: string, value: unknown): ApprovalField["kind"] {
  if (typeof value === "boolean") return "flag";
  if (typeof value === "number") return "number";
  if (isCalendarDay(value) || (DAYS.has(name) && (value === null || value === ""))) return "day";
  if (typeof value === "string" || value === null) {
    return LONG.has(name) || (typeof value === "string" && (value.length > 80 || value.includes("\n")))
      ? "long"
      : "text";
  }
  return "json";
}

/** The text of a field's control. */
export function written({ kind, value }: ApprovalField): string {
  if (kind === "json") return JSON.stringify(value);
  return value === null || value === undefined ? "" : String(value);
}

/** The value for a control's text; undefined if it is not one. An emptied field is null: the device clears it. */
export function read({ kind, value }: ApprovalField, text: string): unknown {
  if (text === written({ name: "", kind, value })) return value;
  if (kind === "number") {
    const number = Number(text);
    return text.trim() === "" ? null : Number.isFinite(number) ? number : undefined;
  }
  if (kind === "json") {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  }
  if (kind === "flag") return text === "true";
  return text === "" ? null : text;
}

/** A field's name for people if the wording has none: `dueDate` is "due date". */
export function spelled(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replaceAll("_", " ")
    .toLowerCase();
}
