import { epochMs } from "./dates.js";
import { isObject, textOf } from "./json.js";

export type Cell = string | number | boolean | null;
export type Row = readonly Cell[];

export interface Table {
  readonly headers: readonly string[];
  readonly rows: readonly Row[];
  /** The title above the table; may be empty. */
  readonly title: string;
  /** The note below the table; may be empty. */
  readonly note: string;
}

export interface Sorting {
  readonly column: number;
  readonly descending: boolean;
}

/** Reads the data of a `table` block; undefined if it is invalid. Fills short rows; formats other cell values as JSON. */
export function readTable(data: unknown): Table | undefined {
  if (!isObject(data)) return undefined;
  const { headers, rows, title, note } = data;
  if (!Array.isArray(headers) || headers.length === 0 || !Array.isArray(rows) || !rows.every(Array.isArray)) {
    return undefined;
  }
  return {
    headers: headers.map(textOf),
    rows: rows.map((row: readonly unknown[]) => headers.map((_, column) => readCell(row[column]))),
    title: typeof title === "string" ? title.trim() : "",
    note: typeof note === "string" ? note.trim() : "",
  };
}

function readCell(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : textOf(value);
}

/** Sorts the rows by one column, stably, text as in `locale`. Empty cells come last in both directions. */
export function sortRows(
  rows: readonly Row[],
  { column, descending }: Sorting,
  locale?: string | undefined,
): readonly Row[] {
  const sign = descending ? -1 : 1;
  const collator = new Intl.Collator(locale, { numeric: true, sensitivity: "base" });
  return [...rows].sort((left, right) => {
    const [a, b] = [left[column] ?? null, right[column] ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * compareCells(a, b, collator);
  });
}

function compareCells(a: Exclude<Cell, null>, b: Exclude<Cell, null>, collator: Intl.Collator): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(String(a), String(b));
}

/** Whether a column is right-aligned: all of its values are numbers. */
export function isNumeric(rows: readonly Row[], column: number): boolean {
  const cells = rows.map((row) => row[column] ?? null).filter((cell) => cell !== null);
  return cells.length > 0 && cells.every((cell) => typeof cell === "number");
}

/**
 * Formats the table as tab-separated text for a spreadsheet. Days are written as `2026-03-09`, and times as
 * `2026-03-09 14:30` in the person's zone, which a spreadsheet reads as dates.
 */
export function tableText({ headers, rows }: Pick<Table, "headers" | "rows">, timeZone?: string): string {
  return [headers, ...rows].map((row) => row.map((cell) => pasted(cell, timeZone)).join("\t")).join("\n");
}

// A spreadsheet runs such a cell as a formula, also in quotes, after spaces or controls, and with full-width characters.
// The text may come from a model or an untrusted note.
const FORMULA = /^["'\s\p{C}]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]/u;
const NUMBER = /^[+-]?\d+(?:[.,]\d+)*\s?%?$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

function pasted(cell: Cell, timeZone: string | undefined): string {
  if (typeof cell !== "string") return textOf(cell);
  const line = cell.replace(/\s+/g, " ").trim();
  const ms = DATE_TIME.test(line) ? epochMs(line, { timeZone }) : undefined;
  if (ms !== undefined) return writtenTime(ms, timeZone);
  if (FORMULA.test(line) && !NUMBER.test(line)) return `'${line}`;
  // A quote at the start would join the following cells until the next quote.
  return line.startsWith('"') ? `'${line}` : line;
}

function writtenTime(ms: number, timeZone: string | undefined): string {
  const parts = new Intl.DateTimeFormat("sv-SE", {
    ...(timeZone === undefined ? {} : { timeZone }),
    dateStyle: "short",
    timeStyle: "short",
  });
  return parts.format(ms);
}
