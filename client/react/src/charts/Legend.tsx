"use client";

import type { Chart } from "../data/chart.js";
import { formatLabel } from "../data/dates.js";
import { useBlockOptions } from "../options.js";
import { counted } from "../wording/wording.js";
import { colorsPoints } from "./rows.js";

const MOST_ENTRIES = 14;

/** The legend of the colours: the slices of a pie, otherwise the series. */
export function Legend({ chart }: { readonly chart: Chart }) {
  const { locale, now, timeZone, wording } = useBlockOptions();
  const entries = colorsPoints(chart)
    ? chart.points.map(({ label, color }) => ({ label: formatLabel(label, locale, now, timeZone), color }))
    : chart.series;
  const more = entries.length - MOST_ENTRIES;
  return (
    <ul className="tsr-legend" aria-hidden="true">
      {entries.slice(0, MOST_ENTRIES).map(({ label, color }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two slices may have the same label
        <li key={index}>
          <span className="tsr-swatch" style={{ backgroundColor: color }} />
          <bdi>{label || wording.none}</bdi>
        </li>
      ))}
      {more > 0 ? <li>{counted(wording, wording.moreEntries, more, locale)}</li> : null}
    </ul>
  );
}
