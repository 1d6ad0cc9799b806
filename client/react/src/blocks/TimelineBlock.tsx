"use client";

import { memo } from "react";
import { dateTime, formatDay, startOfDay } from "../data/dates.js";
import { type Checkpoint, placeOn, readTimeline, type Scale, scaleOf } from "../data/timeline.js";
import { useBlockOptions, useDirection } from "../options.js";
import { counted, fill, valueName, type Wording } from "../wording/wording.js";
import { RawBlock } from "./RawBlock.js";

/** A Gantt chart with a row per checkpoint. Its bar reaches from its start (or the axis' start) to its date. */
export const TimelineBlock = memo(function TimelineBlock({ data }: { readonly data: unknown }) {
  const { now, locale, dates, timeZone, wording } = useBlockOptions();
  const direction = useDirection();
  const checkpoints = readTimeline(data, { dates, timeZone });
  if (checkpoints === undefined) return <RawBlock blockType="timeline" data={data} />;
  if (checkpoints.length === 0) {
    return (
      <p className="tsr-muted" dir={direction}>
        {wording.emptyTimeline}
      </p>
    );
  }
  const scale = scaleOf(checkpoints, now, timeZone);
  const count = counted(wording, wording.items.checkpoint, checkpoints.length, locale);
  const label = fill(wording.timelineLabel, { checkpoints: count });
  const today = now >= scale.from && now <= scale.to ? placeOn(scale, now) : undefined;
  return (
    <div className="tsr-block tsr-timeline" dir={direction}>
      <ol className="tsr-gantt" aria-label={label}>
        {checkpoints.map((checkpoint, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: two checkpoints may have the same id
          <li key={index} className="tsr-gantt-row" data-state={stateOf(checkpoint, now, timeZone)}>
            <span className="tsr-gantt-label">
              <span className="tsr-gantt-title" dir="auto">
                {checkpoint.title || wording.untitled}
              </span>
              <time className="tsr-muted" dateTime={dateTime(checkpoint.date, checkpoint.day)}>
                {formatDay(checkpoint.date, locale, now, timeZone)}
                {noteOn(checkpoint, wording)}
              </time>
            </span>
            <Track checkpoint={checkpoint} scale={scale} today={today} />
          </li>
        ))}
      </ol>
      <div className="tsr-gantt-row tsr-gantt-axis" aria-hidden="true">
        <span>{today === undefined ? null : `┆ ${wording.today}`}</span>
        <span className="tsr-track">
          {scale.ticks
            .filter((tick) => placeOn(scale, tick) <= LAST_TICK)
            .map((tick) => (
              <span key={tick} className="tsr-tick" style={{ insetInlineStart: `${placeOn(scale, tick)}%` }}>
                {formatDay(tick, locale, now, timeZone)}
              </span>
            ))}
        </span>
      </div>
    </div>
  );
});

// In percent of the axis. A label further to the right would exceed the axis.
const LAST_TICK = 92;

interface TrackProps {
  readonly checkpoint: Checkpoint;
  readonly scale: Scale;
  readonly today: number | undefined;
}

function Track({ checkpoint, scale, today }: TrackProps) {
  const start = checkpoint.start === undefined ? 0 : placeOn(scale, checkpoint.start);
  const end = placeOn(scale, checkpoint.date);
  return (
    <span className="tsr-track" aria-hidden="true">
      {scale.ticks.map((tick) => (
        <span key={tick} className="tsr-gridline" style={{ insetInlineStart: `${placeOn(scale, tick)}%` }} />
      ))}
      {today === undefined ? null : <span className="tsr-today" style={{ insetInlineStart: `${today}%` }} />}
      <span className="tsr-bar" style={{ insetInlineStart: `${start}%`, width: `${end - start}%` }} />
      <span className="tsr-mark" style={{ insetInlineStart: `${end}%` }} />
    </span>
  );
}

function stateOf(
  { date, day, suggested, approved }: Checkpoint,
  now: number,
  timeZone: string | undefined,
): "past" | "suggested" | "ahead" {
  if (suggested && approved === false) return "suggested";
  // A day is past from the next day on.
  return date < (day === undefined ? now : startOfDay(now, timeZone)) ? "past" : "ahead";
}

function noteOn({ suggested, approved, status }: Checkpoint, wording: Wording): string {
  if (suggested && approved === false) return ` · ${wording.suggested}`;
  return status ? ` · ${valueName(wording, status)}` : "";
}
