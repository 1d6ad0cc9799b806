"use client";

import {
  Area,
  AreaChart,
  Bar,
  BarChart,
  CartesianGrid,
  Line,
  LineChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import type { Chart, Series } from "../data/chart.js";
import { useBlockOptions } from "../options.js";
import { ChartTooltip } from "./ChartTooltip.js";
import { colorVariable, plotRows, seriesKey, shortLabel } from "./rows.js";
import { CHART_HEIGHT, INITIAL_SIZE } from "./size.js";

const PLOTS = { area: AreaChart, bar: BarChart, line: LineChart } as const;
const ROUND: [number, number, number, number] = [4, 4, 0, 0];
const MARGIN = { top: 8, right: 12, bottom: 0, left: 0 };
/** Charts with more points have no dots, and labels at fixed steps: measuring thousands of labels takes seconds. */
const MANY_POINTS = 300;
const TICKS_OF_MANY = 8;

export interface CartesianChartProps {
  readonly chart: Chart;
  readonly type: keyof typeof PLOTS;
}

/** Area, bar and line charts: points along an axis. */
export function CartesianChart({ chart, type }: CartesianChartProps) {
  const { locale, now, timeZone } = useBlockOptions();
  const PlotOf = PLOTS[type];
  const isCrowded = chart.points.length > MANY_POINTS;
  return (
    <ResponsiveContainer width="100%" height={CHART_HEIGHT} initialDimension={INITIAL_SIZE}>
      <PlotOf data={plotRows(chart, locale, now, timeZone)} margin={MARGIN} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--border)" />
        <XAxis
          dataKey="label"
          tickLine={false}
          axisLine={false}
          tickMargin={8}
          minTickGap={8}
          tickFormatter={shortLabel}
          {...(isCrowded ? { interval: Math.ceil(chart.points.length / TICKS_OF_MANY) - 1 } : {})}
          {...(type === "bar" ? {} : { padding: { left: 16, right: 16 } })}
        />
        <YAxis
          tickLine={false}
          axisLine={false}
          width={40}
          allowDecimals={!isWhole(chart)}
          tickFormatter={(value: number) => value.toLocaleString(locale)}
        />
        <Tooltip content={<ChartTooltip chart={chart} />} cursor={{ fill: "var(--muted)", stroke: "var(--border)" }} />
        {chart.series.map((series, index) => drawn(type, series, index, isCrowded))}
      </PlotOf>
    </ResponsiveContainer>
  );
}

// A function instead of a component, because Recharts searches the chart's children for its own components.
function drawn(type: keyof typeof PLOTS, { key, label }: Series, index: number, isCrowded: boolean) {
  const color = `var(${colorVariable(key)})`;
  const common = { dataKey: seriesKey(index), name: label, isAnimationActive: false };
  switch (type) {
    case "area":
      return (
        <Area
          key={key}
          {...common}
          type="monotone"
          stroke={color}
          fill={color}
          fillOpacity={0.25}
          strokeWidth={2}
          connectNulls
        />
      );
    case "bar":
      return <Bar key={key} {...common} fill={color} radius={ROUND} maxBarSize={56} />;
    case "line":
      return (
        <Line
          key={key}
          {...common}
          type="monotone"
          stroke={color}
          strokeWidth={2}
          dot={isCrowded ? false : { r: 3, fill: color }}
          connectNulls
        />
      );
  }
}

/** Whether all values are integers. Then the axis has no fractional ticks. */
function isWhole(chart: Chart): boolean {
  return chart.points.every(({ values }) => values.every((value) => value === null || Number.isInteger(value)));
}
