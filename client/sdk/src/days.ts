import type { WsDeviceHello } from "./generated/protocol.js";

/** A calendar day, such as `2026-03-09`: the same day in every time zone. An instant is a number or an ISO date-time. */
export type CalendarDay = `${number}-${number}-${number}`;

/** How an application stores calendar days; see `ConnectOptions.dates`. */
export type DayForm = NonNullable<WsDeviceHello["dates"]>;

/** A range of a list tool's filter: from `after` on, and before `before`. Both are days or instants. */
export interface DateRange {
  readonly after?: unknown;
  readonly before?: unknown;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$/;
/** The range of `Date`: this many milliseconds before and after 1970. */
const FURTHEST = 8.64e15;
const DAY_MS = 86_400_000;

export function isCalendarDay(value: unknown): value is CalendarDay {
  return typeof value === "string" && DAY.test(value) && !Number.isNaN(Date.parse(value));
}

/** The epoch milliseconds of an instant; undefined for a calendar day and for any other value. */
export function instantOf(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && Math.abs(value) <= FURTHEST ? value : undefined;
  if (typeof value !== "string" || !TIME.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * The calendar day of a date: the day itself, or the day of an instant in `timeZone` (default: the system's zone).
 * With the form `utc_midnight`, a number at midnight in UTC is that day. Undefined for any other value.
 */
export function dayOf(value: unknown, timeZone?: string, form: DayForm = "date"): CalendarDay | undefined {
  if (isCalendarDay(value)) return value;
  const instant = instantOf(value);
  if (instant === undefined) return undefined;
  const stored = form === "utc_midnight" && typeof value === "number" && instant % DAY_MS === 0;
  return localDay(instant, stored ? "UTC" : timeZone);
}

/** Whether a date is over at `bound`. A day is over at its end, so an item is late from the next local day on. */
export function isBefore(value: unknown, bound: unknown, timeZone?: string): boolean {
  const [instant, limit] = [instantOf(value), instantOf(bound)];
  if (instant !== undefined && limit !== undefined) return instant < limit;
  const [day, last] = [dayOf(value, timeZone), dayOf(bound, timeZone)];
  return day !== undefined && last !== undefined && day < last;
}

/** Whether a date is in a range of a list tool's filter. A bound of any other type does not count. */
export function isInRange(value: unknown, { after, before }: DateRange, timeZone?: string): boolean {
  if (dayOf(value) === undefined) return false;
  if (dayOf(before) !== undefined && !isBefore(value, before, timeZone)) return false;
  return dayOf(after) === undefined || !isBefore(value, after, timeZone);
}

/** The day that is `days` later. */
export function addDays(day: CalendarDay, days: number): CalendarDay {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10) as CalendarDay;
}

/** Today's day in `timeZone`. */
export function today(timeZone?: string, now: number = Date.now()): CalendarDay {
  return localDay(now, timeZone);
}

function localDay(instant: number, timeZone: string | undefined): CalendarDay {
  const parts = new Intl.DateTimeFormat("en", {
    calendar: "gregory",
    numberingSystem: "latn",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    ...(timeZone === undefined ? {} : { timeZone }),
  }).formatToParts(instant);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year").padStart(4, "0")}-${part("month")}-${part("day")}` as CalendarDay;
}
