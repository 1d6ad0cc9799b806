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
const TIME = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/;
/** The range of `Date`: this many milliseconds before and after 1970. */
const FURTHEST = 8.64e15;
const DAY_MS = 86_400_000;
/** The offsets of all zones are multiples of this, so only such a number can be the midnight of a zone. */
const OFFSET_STEP_MS = 15 * 60_000;

/** Whether `value` is a day of the calendar: `2026-02-30` is none. */
export function isCalendarDay(value: unknown): value is CalendarDay {
  if (typeof value !== "string" || !DAY.test(value)) return false;
  const ms = Date.parse(`${value}T00:00Z`); // `Date` reads 30 February as 2 March
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 10) === value;
}

/**
 * The epoch milliseconds of an instant; undefined for a calendar day and for any other value. A date-time without an
 * offset is local time in `timeZone` (default: the system's zone).
 */
export function instantOf(value: unknown, timeZone?: string): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && Math.abs(value) <= FURTHEST ? value : undefined;
  const [, day, offset] = (typeof value === "string" && TIME.exec(value)) || [];
  if (!isCalendarDay(day)) return undefined;
  const ms = Date.parse(offset === undefined && timeZone !== undefined ? `${value}Z` : String(value));
  if (Number.isNaN(ms)) return undefined;
  return offset === undefined && timeZone !== undefined ? instantAt(ms, timeZone) : ms;
}

/** The first instant of a day in `timeZone`. Where clocks skip midnight, it is the instant of the change. */
export function startOf(day: CalendarDay, timeZone?: string): number {
  return instantOf(`${day}T00:00`, timeZone) ?? Number.NaN;
}

/**
 * The calendar day of a date: the day itself, or the day of an instant in `timeZone` (default: the system's zone). With
 * the form `utc_midnight`, a number at midnight in UTC is that day. With `local_midnight`, a number is the day of the
 * nearest midnight in `timeZone`, because it may have been stored in another zone. Undefined for any other value.
 */
export function dayOf(value: unknown, timeZone?: string, form: DayForm = "date"): CalendarDay | undefined {
  if (isCalendarDay(value)) return value;
  const instant = instantOf(value, timeZone);
  if (instant === undefined) return undefined;
  if (typeof value === "string")
    return TIME.exec(value)?.[2] === undefined ? asDay(value) : localDay(instant, timeZone);
  const day = localDay(instant, form === "utc_midnight" && instant % DAY_MS === 0 ? "UTC" : timeZone);
  if (form !== "local_midnight" || instant % OFFSET_STEP_MS !== 0) return day;
  const next = addDays(day, 1);
  return instant - startOf(day, timeZone) <= startOf(next, timeZone) - instant ? day : next;
}

/** Whether a date is over at `bound`. A day is over at its end, so an item is late from the next local day on. */
export function isBefore(value: unknown, bound: unknown, timeZone?: string): boolean {
  const [instant, limit] = [instantOf(value, timeZone), instantOf(bound, timeZone)];
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

function asDay(dateTime: string): CalendarDay {
  return dateTime.slice(0, 10) as CalendarDay;
}

function localDay(instant: number, timeZone: string | undefined): CalendarDay {
  return asDay(localTime(instant, timeZone));
}

/** The local time of an instant without its offset: `2026-03-09T20:30:00`. */
function localTime(instant: number, timeZone: string | undefined): string {
  const parts = new Intl.DateTimeFormat("en", {
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    ...(timeZone === undefined ? {} : { timeZone }),
  }).formatToParts(instant);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  const day = `${part("year").padStart(4, "0")}-${part("month")}-${part("day")}`;
  return `${day}T${part("hour")}:${part("minute")}:${part("second")}`;
}

/**
 * The instant of a local time, which is given as if it were UTC. A time that the clocks skip is read with the offset
 * before the change, and one that comes twice is the first one, as the server reads them.
 */
function instantAt(local: number, timeZone: string): number {
  const offset = (instant: number) =>
    Date.parse(`${localTime(instant, timeZone)}Z`) - Math.floor(instant / 1000) * 1000;
  const [before, after] = [offset(local - DAY_MS), offset(local + DAY_MS)];
  const instants = [local - before, local - after];
  return instants.find((instant) => instant + offset(instant) === local) ?? local - before;
}
