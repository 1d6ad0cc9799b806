/** A block's data before validation: any JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectsOf(value: unknown): readonly JsonObject[] | undefined {
  return Array.isArray(value) && value.every(isObject) ? value : undefined;
}

/** Formats a value for a table cell or a field. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return writeJson(value);
}

const LONGEST = 20_000;

/** Formats `value` as JSON, shortened if it is very long. Never throws. */
export function writeJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, undefined, 2);
  } catch {
    // The value is circular or has a BigInt. The server never sends such a value, but an application may pass one.
  }
  text ??= String(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}\n…` : text;
}
