const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$/;
/** The range of `Date`: this many milliseconds before and after 1970. */
const FURTHEST = 8.64e15;

/** Converts epoch milliseconds or an ISO 8601 string to epoch milliseconds; undefined for any other value. */
export function epochMs(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && Math.abs(value) <= FURTHEST ? value : undefined;
  if (typeof value !== "string" || !(DAY.test(value) || MOMENT.test(value))) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
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

/** Formats ISO dates and times in a label for people. Other labels are returned unchanged. */
export function formatLabel(label: string, locale: string | undefined, now: number, timeZone?: string): string {
  const ms = epochMs(label);
  if (ms === undefined) return label;
  // A calendar day has no time zone, so it is parsed and formatted in the same one.
  if (DAY.test(label)) return formatDay(ms, locale, now, "UTC");
  const zone = timeZone === undefined ? {} : { timeZone };
  const time = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", ...zone }).format(ms);
  return `${formatDay(ms, locale, now, timeZone)}, ${time}`;
}
