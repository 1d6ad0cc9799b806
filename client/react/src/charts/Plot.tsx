"use client";

import type { Chart } from "../data/chart.js";
import { CartesianChart } from "./CartesianChart.js";
import { PieOrRadial } from "./PieOrRadial.js";
import { RadarPlot } from "./RadarPlot.js";

/** The drawing of a chart. It is a separate module with a default export, because Recharts is loaded lazily. */
export default function Plot({ chart }: { readonly chart: Chart }) {
  switch (chart.type) {
    case "area":
    case "bar":
    case "line":
      return <CartesianChart chart={chart} type={chart.type} />;
    case "radar":
      return <RadarPlot chart={chart} />;
    case "pie":
    case "radial":
      return <PieOrRadial chart={chart} type={chart.type} />;
  }
}
