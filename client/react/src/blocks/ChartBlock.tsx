"use client";

import { type CSSProperties, lazy, memo, Suspense, useId, useState } from "react";
import { Legend } from "../charts/Legend.js";
import { colorVariable } from "../charts/rows.js";
import { type Chart, readChart } from "../data/chart.js";
import { formatLabel } from "../data/dates.js";
import { useBlockOptions, useDirection } from "../options.js";
import { counted, fill } from "../wording/wording.js";
import { RawBlock } from "./RawBlock.js";
import { Skeleton } from "./Skeleton.js";

/** A chart with its title, its legend, and its data as a table for screen readers and for reading the figures. */
export const ChartBlock = memo(function ChartBlock({ data }: { readonly data: unknown }) {
  const chart = readChart(data);
  return chart === undefined ? <RawBlock blockType="chart" data={data} /> : <ChartFigure chart={chart} />;
});

function ChartFigure({ chart }: { readonly chart: Chart }) {
  const { wording } = useBlockOptions();
  const direction = useDirection();
  const [asTable, setAsTable] = useState(false);
  const title = useId();
  // The colour of each series as a CSS variable, with the same names as in shadcn's charts, for the page's styles.
  const colors = Object.fromEntries(chart.series.map(({ key, color }) => [colorVariable(key), color]));
  return (
    <figure className="tsr-block tsr-chart" dir={direction} aria-labelledby={title} style={colors as CSSProperties}>
      <figcaption className="tsr-chart-head">
        <span id={title} dir="auto" className="tsr-chart-title">
          {chart.title || wording.blocks.chart}
        </span>
        <button type="button" className="tsr-button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {wording.figures}
        </button>
      </figcaption>
      {asTable ? null : (
        <>
          {/* Recharts draws from left to right. */}
          <div
            className="tsr-plot"
            dir="ltr"
            role="img"
            aria-label={fill(wording.chartLabel, { chart: wording.charts[chart.type] })}
          >
            <Suspense fallback={<Skeleton blockType="chart" />}>
              <Plot chart={chart} />
            </Suspense>
          </div>
          <Legend chart={chart} />
        </>
      )}
      <div className={asTable ? "tsr-scroll" : "tsr-hidden"}>
        <Figures chart={chart} />
      </div>
    </figure>
  );
}

/** Recharts is larger than everything else, so it is loaded with the first chart. */
const Plot = lazy(() => import("../charts/Plot.js"));

/** The maximum number of rows in the table of figures, because thousands of rows would block the page. */
const MOST_ROWS = 200;

function Figures({ chart }: { readonly chart: Chart }) {
  const { locale, now, timeZone, wording } = useBlockOptions();
  const leftOut = chart.points.length - MOST_ROWS;
  return (
    <table className="tsr-table">
      <caption dir="auto" className="tsr-hidden">
        {chart.title || wording.blocks.chart}
      </caption>
      <thead>
        <tr>
          <th scope="col">
            <bdi>{chart.category ?? wording.point}</bdi>
          </th>
          {chart.series.map(({ key, label }) => (
            <th key={key} scope="col" className="tsr-number">
              <bdi>{label}</bdi>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {chart.points.slice(0, MOST_ROWS).map((point, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: two points may have the same label
          <tr key={at}>
            <th scope="row">
              <bdi>{formatLabel(point.label, locale, now, timeZone) || wording.none}</bdi>
            </th>
            {chart.series.map(({ key }, index) => (
              <td key={key} className="tsr-number">
                {point.values[index]?.toLocaleString(locale) ?? "–"}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
      {leftOut > 0 ? (
        <tfoot>
          <tr>
            <td colSpan={chart.series.length + 1} className="tsr-muted">
              {counted(wording, wording.morePoints, leftOut, locale)}
            </td>
          </tr>
        </tfoot>
      ) : null}
    </table>
  );
}
