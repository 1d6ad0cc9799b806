/** What a block's data may be before it has been looked at: JSON of any shape. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectsOf(value: unknown): readonly JsonObject[] | undefined {
  return Array.isArray(value) && value.every(isObject) ? value : undefined;
}

/** The value as a person would read it in a cell or a field. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return writeJson(value);
}

const LONGEST = 20_000;

/** `value` as JSON to show, cut where it is very long. Never throws, whatever the value is. */
export function writeJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, undefined, 2);
  } catch {
    // Circular, or a BigInt: neither comes over the wire, but an application may hand one in.
  }
  text ??= String(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}\n…` : text;
}
