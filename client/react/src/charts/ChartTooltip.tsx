"use client";

import type { Chart } from "../data/chart.js";
import { useBlockOptions } from "../options.js";

/** The properties that Recharts passes to the tooltip, as far as they are used here. */
interface Hovered {
  readonly active?: boolean;
  readonly payload?: ReadonlyArray<{
    readonly dataKey?: unknown;
    readonly value?: unknown;
    readonly color?: string | undefined;
    readonly payload?: unknown;
  }>;
}

/** Shows the values of the point under the pointer. */
export function ChartTooltip({ active, payload, chart }: Hovered & { readonly chart: Chart }) {
  const { locale } = useBlockOptions();
  const first = payload?.[0];
  if (!active || payload === undefined || first === undefined) return null;
  return (
    <div className="tsr-tooltip">
      <div className="tsr-tooltip-label" dir="auto">
        {(first.payload as { label?: string } | undefined)?.label}
      </div>
      {payload.map((entry) => (
        <div key={String(entry.dataKey)} className="tsr-tooltip-row">
          <bdi>{chart.series[Number(String(entry.dataKey).slice(1))]?.label}</bdi>
          <strong>{typeof entry.value === "number" ? entry.value.toLocaleString(locale) : "–"}</strong>
        </div>
      ))}
    </div>
  );
}
