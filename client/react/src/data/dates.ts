import { type DayForm, dayOf, instantOf, isCalendarDay, startOf } from "@tessera/client";

const DAYS = /^(\d{4}-\d{2}-\d{2})\/(\d{4}-\d{2}-\d{2})$/;

/** How the application stores days, and the person's time zone; undefined is the browser's. */
export interface Zoned {
  readonly dates?: DayForm | undefined;
  readonly timeZone?: string | undefined;
}

/** The calendar day that `value` is, such as `2026-03-09`; undefined for an instant and for any other value. */
export function calendarDay(value: unknown, { dates = "date", timeZone }: Zoned = {}): string | undefined {
  if (isCalendarDay(value)) return value;
  if (dates === "date" || typeof value !== "number") return undefined;
  const day = dayOf(value, timeZone, dates);
  if (day === undefined) return undefined;
  // Only a number that is the midnight of a zone is a day.
  const step = dates === "utc_midnight" ? DAY_MS : OFFSET_STEP_MS;
  return value % step === 0 ? day : undefined;
}

const DAY_MS = 86_400_000;
const OFFSET_STEP_MS = 15 * 60_000;

/**
 * Converts a date to epoch milliseconds: a calendar day to its start in the person's time zone, so that it is shown as
 * that day in every zone. Undefined for any other value.
 */
export function epochMs(value: unknown, zoned: Zoned = {}): number | undefined {
  const day = calendarDay(value, zoned);
  return isCalendarDay(day) ? startOf(day, zoned.timeZone) : instantOf(value, zoned.timeZone);
}

/** The value of a `<time>`'s `dateTime`: a calendar day unchanged, an instant as ISO 8601. */
export function dateTime(ms: number, day: string | undefined): string {
  return day ?? new Date(ms).toISOString();
}

/** The start of the day of `ms`, in the person's time zone; NaN outside the years 1 to 9999. */
export function startOfDay(ms: number, timeZone?: string): number {
  const day = dayOf(ms, timeZone);
  return day === undefined ? Number.NaN : startOf(day, timeZone);
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
  const [from, to] = [epochMs(first, { timeZone }), epochMs(last, { timeZone })];
  if (from !== undefined && to !== undefined) {
    return `${formatDay(from, locale, now, timeZone)} – ${formatDay(to, locale, now, timeZone)}`; // a week
  }
  const ms = epochMs(label, { timeZone });
  if (ms === undefined) return label;
  if (isCalendarDay(label)) return formatDay(ms, locale, now, timeZone);
  const zone = timeZone === undefined ? {} : { timeZone };
  const time = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", ...zone }).format(ms);
  return `${formatDay(ms, locale, now, timeZone)}, ${time}`;
}
