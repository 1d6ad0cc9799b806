"use client";

import { Pie, PieChart, PolarAngleAxis, RadialBar, RadialBarChart, ResponsiveContainer, Tooltip } from "recharts";
import type { Chart } from "../data/chart.js";
import { useBlockOptions } from "../options.js";
import { ChartTooltip } from "./ChartTooltip.js";
import { colorsPoints, colorVariable, plotRows, seriesKey } from "./rows.js";
import { CHART_HEIGHT, INITIAL_SIZE } from "./size.js";

const FULL_TURN: [number, number] = [90, -270];
const PIE_RADIUS = 110;

export interface PieOrRadialProps {
  readonly chart: Chart;
  readonly type: "pie" | "radial";
}

/** Pie and radial charts. */
export function PieOrRadial({ chart, type }: PieOrRadialProps) {
  return (
    <ResponsiveContainer width="100%" height={CHART_HEIGHT} initialDimension={INITIAL_SIZE}>
      {type === "pie" ? <Slices chart={chart} /> : <Rings chart={chart} />}
    </ResponsiveContainer>
  );
}

/** A pie chart with a ring of slices per series; the first series is the innermost ring. */
function Slices({ chart, ...size }: { readonly chart: Chart }) {
  const { locale, now, timeZone } = useBlockOptions();
  const rows = plotRows(chart, locale, now, timeZone);
  const width = PIE_RADIUS / chart.series.length;
  return (
    <PieChart {...size} accessibilityLayer={false}>
      <Tooltip content={<ChartTooltip chart={chart} />} />
      {chart.series.map(({ key }, index) => (
        <Pie
          key={key}
          data={rows}
          dataKey={seriesKey(index)}
          nameKey="label"
          innerRadius={index * width + (index > 0 ? 3 : 0)}
          outerRadius={(index + 1) * width}
          stroke="var(--background)"
          strokeWidth={2}
          isAnimationActive={false}
        />
      ))}
    </PieChart>
  );
}

/** A radial chart: a curved bar around the centre for each point, with the values of its series stacked. */
function Rings({ chart, ...size }: { readonly chart: Chart }) {
  const { locale, now, timeZone } = useBlockOptions();
  const totals = chart.points.map(({ values }) =>
    values.reduce<number>((sum, value) => sum + Math.max(0, value ?? 0), 0),
  );
  return (
    <RadialBarChart
      {...size}
      data={plotRows(chart, locale, now, timeZone)}
      innerRadius="24%"
      outerRadius="100%"
      startAngle={FULL_TURN[0]}
      endAngle={FULL_TURN[1]}
      accessibilityLayer={false}
    >
      <PolarAngleAxis type="number" domain={[0, Math.max(...totals) * 1.15 || 1]} tick={false} axisLine={false} />
      <Tooltip content={<ChartTooltip chart={chart} />} />
      {chart.series.map(({ key }, index) => (
        <RadialBar
          key={key}
          dataKey={seriesKey(index)}
          stackId="all"
          cornerRadius={4}
          background={index === 0 ? { fill: "var(--muted)" } : false}
          isAnimationActive={false}
          {...(colorsPoints(chart) ? {} : { fill: `var(${colorVariable(key)})` })}
        />
      ))}
    </RadialBarChart>
  );
}
