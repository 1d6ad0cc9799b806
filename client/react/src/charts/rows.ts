import type { Chart } from "../data/chart.js";
import { formatLabel } from "../data/dates.js";

/** A point as Recharts takes it: the series are `s0`, `s1`, … because it reads a dot in a key as a path. */
export type PlotRow = { readonly label: string; readonly fill?: string } & Readonly<
  Record<`s${number}`, number | null>
>;

export function plotRows(chart: Chart, locale: string | undefined, now: number): PlotRow[] {
  return chart.points.map(({ label, color, values }) => ({
    label: formatLabel(label, locale, now),
    // Recharts gives every shape of a point this colour: only where the legend says so too.
    ...(colorsPoints(chart) ? { fill: color } : {}),
    ...Object.fromEntries(values.map((value, index) => [seriesKey(index), value])),
  }));
}

/** Whether each point has a colour of its own: in a pie, and in a radial chart of one series. */
export function colorsPoints(chart: Chart): boolean {
  return chart.type === "pie" || (chart.type === "radial" && chart.series.length === 1);
}

export function seriesKey(index: number): `s${number}` {
  return `s${index}`;
}

/** The CSS variable that holds a series' colour, `--color-KEY` as shadcn names it. */
export function colorVariable(key: string): `--color-${string}` {
  return `--color-${key.replace(/[^A-Za-z0-9_-]/g, "_")}`;
}

const LONGEST_TICK = 14;

/** A label that fits under an axis. */
export function shortLabel(label: unknown): string {
  const text = String(label ?? "");
  return text.length > LONGEST_TICK ? `${text.slice(0, LONGEST_TICK - 1)}…` : text;
}
