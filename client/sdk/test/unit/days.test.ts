import { describe, expect, it } from "vitest";
import { addDays, dayOf, instantOf, isBefore, isCalendarDay, isInRange, startOf, today } from "../../src/index.js";

const NEW_YORK = "America/New_York";
const EVENING = Date.parse("2026-03-09T20:30:00-04:00");

describe("a calendar day", () => {
  it.each([
    ["2026-03-09", true],
    ["2026-13-01", false],
    ["2026-02-30", false],
    ["2026-02-29", false],
    ["2028-02-29", true],
    ["2026-03-09T00:00", false],
    [EVENING, false],
    [null, false],
  ])("%j: %j", (value, expected) => {
    expect(isCalendarDay(value)).toBe(expected);
  });

  it.each([
    ["2026-03-10", "date", "2026-03-10"],
    [EVENING, "date", "2026-03-09"],
    ["2026-03-10T00:30:00Z", "date", "2026-03-09"],
    [Date.UTC(2026, 2, 10), "date", "2026-03-09"],
    [Date.UTC(2026, 2, 10), "utc_midnight", "2026-03-10"],
    [Date.UTC(2026, 2, 10, 4), "local_midnight", "2026-03-10"],
    // A number from before a journey, and one that is midnight nowhere.
    [Date.parse("2026-03-10T00:00:00+01:00"), "local_midnight", "2026-03-10"],
    [Date.parse("2026-03-10T00:00:00-07:00"), "local_midnight", "2026-03-10"],
    [EVENING + 60_000, "local_midnight", "2026-03-09"],
    // Without an offset it is local time.
    ["2026-03-09T23:30", "date", "2026-03-09"],
    ["2026-03-10T00:30:00.5", "utc_midnight", "2026-03-10"],
    ["2026-02-30T10:00", "date", undefined],
    ["2026-02-30T10:00:00Z", "date", undefined],
    ["soon", "date", undefined],
    [Number.NaN, "date", undefined],
    [undefined, "date", undefined],
  ] as const)("of %j in the form %s is %j in New York", (value, form, day) => {
    expect(dayOf(value, NEW_YORK, form)).toBe(day);
  });

  it("is no instant", () => {
    expect(instantOf("2026-03-10")).toBeUndefined();
    expect(instantOf("2026-03-10T00:00:00Z")).toBe(Date.UTC(2026, 2, 10));
    expect(instantOf(5)).toBe(5);
  });

  it.each([
    ["2026-03-09T20:30", NEW_YORK, "2026-03-09T20:30:00-04:00"],
    ["2026-03-08T02:30", NEW_YORK, "2026-03-08T03:30:00-04:00"], // the clocks skip it
    ["2026-11-01T01:30", NEW_YORK, "2026-11-01T01:30:00-04:00"], // it comes twice
    ["2026-03-09T20:30:15.250", "Asia/Kathmandu", "2026-03-09T20:30:15.250+05:45"],
    ["2026-10-25T12:00", "Europe/Berlin", "2026-10-25T12:00:00+01:00"],
    ["2026-03-09T20:30+01:00", NEW_YORK, "2026-03-09T20:30:00+01:00"],
  ])("without an offset %s is local time in %s", (written, zone, instant) => {
    expect(instantOf(written, zone)).toBe(Date.parse(instant));
  });

  it.each([
    ["2026-03-09", NEW_YORK, "2026-03-09T00:00:00-04:00"],
    ["2026-03-08", NEW_YORK, "2026-03-08T00:00:00-05:00"],
    ["2026-09-06", "America/Santiago", "2026-09-06T01:00:00-03:00"], // the clocks skip midnight
    ["2026-03-09", "Asia/Kathmandu", "2026-03-09T00:00:00+05:45"],
  ] as const)("%s in %s starts at %s", (day, zone, instant) => {
    expect(startOf(day, zone)).toBe(Date.parse(instant));
  });

  it("is over at its local end", () => {
    expect(isBefore("2026-03-09", EVENING, NEW_YORK)).toBe(false);
    expect(isBefore("2026-03-09", Date.parse("2026-03-10T00:00:00-04:00"), NEW_YORK)).toBe(true);
    expect(isBefore("2026-03-09", "2026-03-10")).toBe(true);
    expect(isBefore(EVENING, "2026-03-10", NEW_YORK)).toBe(true);
    expect(isBefore(EVENING, "2026-03-10", "Pacific/Auckland")).toBe(false);
    expect(isBefore("soon", "2026-03-10")).toBe(false);
  });

  it("is in a range from its first day to the day before its last", () => {
    const range = { after: "2026-03-09", before: "2026-03-10" };
    for (const [value, inside] of [
      ["2026-03-08", false],
      ["2026-03-09", true],
      ["2026-03-10", false],
      [EVENING, true],
      [Date.parse("2026-03-09T03:59:00Z"), false],
      [null, false],
    ] as const) {
      expect(isInRange(value, range, NEW_YORK)).toBe(inside);
    }
    expect(isInRange("2026-03-09", {})).toBe(true);
    expect(isInRange("2026-03-09", { after: "soon" })).toBe(true);
  });

  it("is counted without hours, over changes of the clocks too", () => {
    expect(addDays("2026-03-28", 2)).toBe("2026-03-30");
    expect(addDays("2026-01-01", -1)).toBe("2025-12-31");
    expect(today(NEW_YORK, EVENING)).toBe("2026-03-09");
    expect(today("Pacific/Auckland", EVENING)).toBe("2026-03-10");
  });
});
