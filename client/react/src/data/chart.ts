import { distinctColors, safeColor, themeColor } from "./colors.js";
import { isObject, type JsonObject, objectsOf, textOf } from "./json.js";

export const CHART_TYPES = ["area", "bar", "line", "pie", "radar", "radial"] as const;
export type ChartType = (typeof CHART_TYPES)[number];

/** One series: `key` names it in the model's data, `label` is for people, `color` is any CSS colour. */
export interface Series {
  readonly key: string;
  readonly label: string;
  readonly color: string;
}

/** A point on the axis, or a slice. `values` has one entry per series, in order; null if a series has no value here. */
export interface Point {
  readonly label: string;
  readonly values: readonly (number | null)[];
  readonly color: string;
}

/** A chart that can be drawn. `category` is the name of the points' label field, if the data has one. */
export interface Chart {
  readonly type: ChartType;
  readonly title: string;
  readonly category: string | undefined;
  readonly series: readonly Series[];
  readonly points: readonly Point[];
}

/** Reads the data of a `chart` block. Returns undefined if there is nothing to draw. */
export function readChart(data: unknown): Chart | undefined {
  if (!isObject(data)) return undefined;
  const type = CHART_TYPES.find((known) => known === data["chartType"]);
  const rows = objectsOf(data["data"]);
  if (type === undefined || rows === undefined || rows.length === 0 || !isObject(data["config"])) return undefined;
  const series = readSeries(data["config"], rows);
  if (series.length === 0) return undefined;
  const keys = new Set(series.map(({ key }) => key));
  const category = categoryOf(rows, keys);
  const colors = distinctColors(rows.map((row, index) => safeColor(row["fill"], index)));
  return {
    type,
    title: textOf(data["title"]),
    category,
    series,
    points: rows.map((row, index) => ({
      label: category === undefined ? String(index + 1) : textOf(row[category]),
      values: series.map(({ key }) => numberOf(row[key])),
      color: colors[index] ?? themeColor(index),
    })),
  };
}

function readSeries(config: JsonObject, rows: readonly JsonObject[]): Series[] {
  const drawable = Object.entries(config).filter(([key]) => rows.some((row) => numberOf(row[key]) !== null));
  const colors = distinctColors(
    drawable.map(([, entry], index) => safeColor(isObject(entry) ? entry["color"] : undefined, index)),
  );
  return drawable.map(([key, entry], index) => ({
    key,
    label: (isObject(entry) && textOf(entry["label"])) || key,
    color: colors[index] ?? themeColor(index),
  }));
}

/** The label field of the points: the first field that is not a series, preferably with text values. */
function categoryOf(rows: readonly JsonObject[], series: ReadonlySet<string>): string | undefined {
  const fields = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
    (field) => !series.has(field) && field !== "fill",
  );
  return fields.find((field) => rows.some((row) => typeof row[field] === "string")) ?? fields[0];
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
