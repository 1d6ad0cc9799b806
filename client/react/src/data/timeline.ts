import { withoutBidiControls } from "./bidi.js";
import { calendarDay, epochMs, startOfDay, type Zoned } from "./dates.js";
import { isObject, objectsOf, textOf } from "./json.js";

/** A row of the Gantt chart, in epoch milliseconds. `start` is the start of its bar, if the data has one. */
export interface Checkpoint {
  readonly id: string;
  readonly title: string;
  readonly date: number;
  /** The calendar day that `date` is the start of, if the checkpoint has a day and no time. */
  readonly day: string | undefined;
  readonly start: number | undefined;
  readonly suggested: boolean;
  readonly approved: boolean | undefined;
  readonly status: string;
}

/** The axis from `from` to `to`, with ticks at `ticks`, all in epoch milliseconds. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

const DAY_MS = 86_400_000;
const STEPS_DAYS = [1, 2, 7, 14, 30, 60, 91, 182, 365, 730, 1826, 3652, 18_262, 36_525, 365_250];
const MOST_TICKS = 7;
const MARGIN = 0.04;

/** Reads the data of a `timeline` block, sorted by date; undefined if it is invalid. Skips checkpoints without a date. */
export function readTimeline(data: unknown, zoned: Zoned = {}): readonly Checkpoint[] | undefined {
  const rows = isObject(data) ? objectsOf(data["checkpoints"]) : undefined;
  if (rows === undefined) return undefined;
  const checkpoints = rows.flatMap((row, index): Checkpoint[] => {
    const date = epochMs(row["date"], zoned);
    if (date === undefined) return [];
    const start = epochMs(row["startDate"] ?? row["start"], zoned);
    return [
      {
        id: textOf(row["id"]) || String(index),
        title: withoutBidiControls(textOf(row["title"])),
        date,
        day: calendarDay(row["date"], zoned),
        start: start !== undefined && start < date ? start : undefined,
        suggested: row["isAiSuggested"] === true,
        approved: typeof row["isApproved"] === "boolean" ? row["isApproved"] : undefined,
        status: textOf(row["status"]),
      },
    ];
  });
  if (checkpoints.length === 0 && rows.length > 0) return undefined;
  return checkpoints.sort((a, b) => a.date - b.date);
}

/** An axis that includes all checkpoints, and `now` if it is not far outside their range. */
export function scaleOf(checkpoints: readonly Checkpoint[], now: number, timeZone?: string): Scale {
  const moments = checkpoints.flatMap(({ date, start }) => (start === undefined ? [date] : [start, date]));
  let from = moments.reduce((a, b) => Math.min(a, b), moments[0] ?? now);
  let to = moments.reduce((a, b) => Math.max(a, b), moments[0] ?? now);
  const near = Math.max(to - from, 14 * DAY_MS);
  if (now > from - near && now < to + near) {
    from = Math.min(from, now);
    to = Math.max(to, now);
  }
  const margin = Math.max((to - from) * MARGIN, DAY_MS / 2);
  from -= margin;
  to += margin;
  return { from, to, ticks: ticksBetween(from, to, timeZone) };
}

/** The position of `moment` on the axis, in percent of its length. */
export function placeOn({ from, to }: Scale, moment: number): number {
  return ((moment - from) / (to - from)) * 100;
}

function ticksBetween(from: number, to: number, timeZone: string | undefined): number[] {
  const length = (to - from) / DAY_MS;
  const step = STEPS_DAYS.find((days) => length / days <= MOST_TICKS) ?? Math.ceil(length / MOST_TICKS);
  // Ticks are at local midnight, the start of the day that their label names. Days can have 23 or 25 hours.
  const later = (at: number, days: number) =>
    startOfDay(startOfDay(at, timeZone) + days * DAY_MS + DAY_MS / 2, timeZone);
  const ticks: number[] = [];
  for (let tick = later(from, 1); tick < to && ticks.length <= MOST_TICKS; tick = later(tick, step)) ticks.push(tick);
  return ticks;
}
