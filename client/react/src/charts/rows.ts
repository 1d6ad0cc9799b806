import type { Chart } from "../data/chart.js";
import { formatLabel } from "../data/dates.js";

/** A point for Recharts. Its series are named `s0`, `s1`, …, because Recharts reads a dot in a key as a path. */
export type PlotRow = { readonly label: string; readonly fill?: string } & Readonly<
  Record<`s${number}`, number | null>
>;

export function plotRows(chart: Chart, locale: string | undefined, now: number, timeZone?: string): PlotRow[] {
  return chart.points.map(({ label, color, values }) => ({
    label: formatLabel(label, locale, now, timeZone),
    // Recharts uses this colour for all shapes of a point, so it is set only if the legend does the same.
    ...(colorsPoints(chart) ? { fill: color } : {}),
    ...Object.fromEntries(values.map((value, index) => [seriesKey(index), value])),
  }));
}

/** Whether each point has its own colour: in a pie, and in a radial chart with one series. */
export function colorsPoints(chart: Chart): boolean {
  return chart.type === "pie" || (chart.type === "radial" && chart.series.length === 1);
}

export function seriesKey(index: number): `s${number}` {
  return `s${index}`;
}

/** The CSS variable of a series' colour: `--color-KEY`, as in shadcn. */
export function colorVariable(key: string): `--color-${string}` {
  return `--color-${key.replace(/[^A-Za-z0-9_-]/g, "_")}`;
}

const LONGEST_TICK = 14;

/** Shortens a label so that it fits under an axis. */
export function shortLabel(label: unknown): string {
  const text = String(label ?? "");
  return text.length > LONGEST_TICK ? `${text.slice(0, LONGEST_TICK - 1)}…` : text;
}
