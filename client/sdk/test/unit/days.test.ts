import { describe, expect, it } from "vitest";
import { addDays, dayOf, instantOf, isBefore, isCalendarDay, isInRange, today } from "../../src/index.js";

const NEW_YORK = "America/New_York";
const EVENING = Date.parse("2026-03-09T20:30:00-04:00");

describe("a calendar day", () => {
  it.each([
    ["2026-03-09", true],
    ["2026-13-01", false],
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
