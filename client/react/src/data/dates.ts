import type { DayForm } from "@tessera/client";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$/;
/** The range of `Date`: this many milliseconds before and after 1970. */
const FURTHEST = 8.64e15;

const DAYS = /^(\d{4}-\d{2}-\d{2})\/(\d{4}-\d{2}-\d{2})$/;
const DAY_MS = 86_400_000;

/** The calendar day that `value` is, such as `2026-03-09`; undefined for an instant and for any other value. */
export function calendarDay(value: unknown, form: DayForm = "date"): string | undefined {
  if (typeof value === "string") return DAY.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
  if (form === "date" || typeof value !== "number" || !(Math.abs(value) <= FURTHEST)) return undefined;
  const start = new Date(form === "utc_midnight" ? value : startOfDay(value));
  if (form === "utc_midnight") return value % DAY_MS === 0 ? start.toISOString().slice(0, 10) : undefined;
  if (start.getTime() !== value) return undefined;
  return new Date(Date.UTC(start.getFullYear(), start.getMonth(), start.getDate())).toISOString().slice(0, 10);
}

/**
 * Converts a date to epoch milliseconds: a calendar day to its start in the reader's time zone, so that it is shown as
 * that day in every zone. Undefined for any other value.
 */
export function epochMs(value: unknown, form: DayForm = "date"): number | undefined {
  const day = calendarDay(value, form);
  if (day !== undefined) return startOfCalendarDay(day);
  if (typeof value === "number") return Number.isFinite(value) && Math.abs(value) <= FURTHEST ? value : undefined;
  if (typeof value !== "string" || !MOMENT.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/** The value of a `<time>`'s `dateTime`: a calendar day unchanged, an instant as ISO 8601. */
export function dateTime(ms: number, day: string | undefined): string {
  return day ?? new Date(ms).toISOString();
}

function startOfCalendarDay(day: string): number {
  const start = new Date(0);
  start.setFullYear(Number(day.slice(0, 4)), Number(day.slice(5, 7)) - 1, Number(day.slice(8, 10)));
  return start.setHours(0, 0, 0, 0);
}

/** The start of the day of `ms`, in the reader's time zone. */
export function startOfDay(ms: number): number {
  return new Date(ms).setHours(0, 0, 0, 0);
}

/** Formats a day, with the year if it differs from the year of `now`: "22 Nov", "3 Jan 2027". */
export function formatDay(ms: number, locale: string | undefined, now: number, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const year = (at: number) => new Intl.DateTimeFormat("en", { year: "numeric", ...zone }).format(at);
  const style: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", ...zone };
  if (year(ms) !== year(now)) style.year = "numeric";
  return new Intl.DateTimeFormat(locale, style).format(ms);
}

/** Formats ISO days, weeks and times in a label for people. Other labels are returned unchanged. */
export function formatLabel(label: string, locale: string | undefined, now: number, timeZone?: string): string {
  const [, first, last] = DAYS.exec(label) ?? [];
  const [from, to] = [epochMs(first), epochMs(last)];
  if (from !== undefined && to !== undefined) {
    return `${formatDay(from, locale, now)} – ${formatDay(to, locale, now)}`; // a week
  }
  const ms = epochMs(label);
  if (ms === undefined) return label;
  // A calendar day begins at its start in the reader's zone, and is formatted there.
  if (DAY.test(label)) return formatDay(ms, locale, now);
  const zone = timeZone === undefined ? {} : { timeZone };
  const time = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", ...zone }).format(ms);
  return `${formatDay(ms, locale, now, timeZone)}, ${time}`;
}
