"use client";

import { PolarAngleAxis, PolarGrid, Radar, RadarChart, ResponsiveContainer, Tooltip } from "recharts";
import type { Chart } from "../data/chart.js";
import { useBlockOptions } from "../options.js";
import { ChartTooltip } from "./ChartTooltip.js";
import { colorVariable, plotRows, seriesKey, shortLabel } from "./rows.js";
import { CHART_HEIGHT, INITIAL_SIZE } from "./size.js";

/** A radar chart: points around a centre, one shape per series. */
export function RadarPlot({ chart }: { readonly chart: Chart }) {
  const { locale, now, timeZone } = useBlockOptions();
  return (
    <ResponsiveContainer width="100%" height={CHART_HEIGHT} initialDimension={INITIAL_SIZE}>
      <RadarChart data={plotRows(chart, locale, now, timeZone)} outerRadius="78%" accessibilityLayer={false}>
        <PolarGrid stroke="var(--border)" />
        <PolarAngleAxis dataKey="label" tickFormatter={shortLabel} />
        <Tooltip content={<ChartTooltip chart={chart} />} />
        {chart.series.map(({ key, label }, index) => {
          const color = `var(${colorVariable(key)})`;
          return (
            <Radar
              key={key}
              dataKey={seriesKey(index)}
              name={label}
              stroke={color}
              fill={color}
              fillOpacity={0.25}
              strokeWidth={2}
              dot={{ r: 3, fill: color, fillOpacity: 1 }}
              isAnimationActive={false}
            />
          );
        })}
      </RadarChart>
    </ResponsiveContainer>
  );
}
