import { isObject, textOf } from "./json.js";

export type Cell = string | number | boolean | null;
export type Row = readonly Cell[];

export interface Table {
  readonly headers: readonly string[];
  readonly rows: readonly Row[];
}

export interface Sorting {
  readonly column: number;
  readonly descending: boolean;
}

/** The data of a `table` block, or undefined where it is none. Short rows are filled up; what is no cell is written as JSON. */
export function readTable(data: unknown): Table | undefined {
  if (!isObject(data)) return undefined;
  const { headers, rows } = data;
  if (!Array.isArray(headers) || headers.length === 0 || !Array.isArray(rows) || !rows.every(Array.isArray)) {
    return undefined;
  }
  return {
    headers: headers.map(textOf),
    rows: rows.map((row: readonly unknown[]) => headers.map((_, column) => readCell(row[column]))),
  };
}

function readCell(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : textOf(value);
}

/** The rows in the order of one column; what is empty comes last either way, and equal rows stay as they were. */
export function sortRows(rows: readonly Row[], { column, descending }: Sorting): readonly Row[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((left, right) => {
    const [a, b] = [left[column] ?? null, right[column] ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * compareCells(a, b);
  });
}

function compareCells(a: Exclude<Cell, null>, b: Exclude<Cell, null>): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(String(a), String(b));
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Whether a column is better read from the right: all that is in it are numbers. */
export function isNumeric(rows: readonly Row[], column: number): boolean {
  const cells = rows.map((row) => row[column] ?? null).filter((cell) => cell !== null);
  return cells.length > 0 && cells.every((cell) => typeof cell === "number");
}

/** The table as tab-separated text, to paste into a spreadsheet. */
export function tableText({ headers, rows }: Table): string {
  return [headers, ...rows].map((row) => row.map(pasted).join("\t")).join("\n");
}

function pasted(cell: Cell): string {
  if (typeof cell !== "string") return textOf(cell);
  const line = cell.replace(/\s+/g, " ");
  // A spreadsheet runs what begins so as a formula, and a model or a stranger's note may have written it.
  return /^[=+\-@]/.test(line) ? `'${line}` : line;
}
