import { describe, expect, it, test, vi } from "vitest";
import { readChart } from "../src/data/chart.js";
import { distinctColors, safeColor } from "../src/data/colors.js";
import { calendarDay, epochMs, formatDay, formatLabel } from "../src/data/dates.js";
import { readEntities } from "../src/data/entities.js";
import { writeJson } from "../src/data/json.js";
import { readTable, sortRows, tableText } from "../src/data/table.js";
import { placeOn, readTimeline, scaleOf } from "../src/data/timeline.js";
import { MALFORMED } from "./malformed.js";

const DAY = 86_400_000;

describe("a chart's data", () => {
  const chart = {
    chartType: "bar",
    title: "Tasks",
    data: [
      { status: "todo", count: 3, done: 1 },
      { status: "done", count: 2 },
    ],
    config: { count: { label: "Tasks", color: "var(--chart-1)" }, done: { label: "Done", color: "#0a0" } },
  };

  it("is read as points, series and category", () => {
    expect(readChart(chart)).toMatchObject({
      type: "bar",
      category: "status",
      series: [
        { key: "count", label: "Tasks", color: "var(--chart-1)" },
        { key: "done", label: "Done", color: "#0a0" },
      ],
      points: [
        { label: "todo", values: [3, 1] },
        { label: "done", values: [2, null] },
      ],
    });
  });

  it("keeps the parts that can be drawn", () => {
    const config = { ...chart.config, missing: { label: "x", color: "red" }, text: { label: "y", color: "red" } };
    const data = chart.data.map((row) => ({ ...row, text: "words", infinite: Number.POSITIVE_INFINITY }));
    expect(readChart({ ...chart, config, data })?.series.map(({ key }) => key)).toEqual(["count", "done"]);
  });

  it("numbers points without labels", () => {
    const points = readChart({ ...chart, data: [{ count: 1 }, { count: 2 }] })?.points;
    expect(points?.map(({ label }) => label)).toEqual(["1", "2"]);
  });

  it("uses the slices' own colours", () => {
    const data = [
      { status: "a", count: 1, fill: "var(--chart-4)" },
      { status: "b", count: 1, fill: "url(https://evil.example)" },
    ];
    expect(readChart({ ...chart, data })?.points.map(({ color }) => color)).toEqual([
      "var(--chart-4)",
      "var(--chart-2)",
    ]);
  });

  it.each(["__proto__", "constructor", "a.b", "a[0]", ""])("takes %j as the key of a series", (key) => {
    const data = JSON.parse(`[{"status": "x", ${JSON.stringify(key)}: 1}]`);
    const config = JSON.parse(`{${JSON.stringify(key)}: {"label": "Odd", "color": "red"}}`);
    expect(readChart({ ...chart, data, config })?.points[0]?.values).toEqual([1]);
  });
});

describe("colours", () => {
  it.each([
    "red",
    "#fff",
    "#2f6bd8cc",
    "var(--chart-1)",
    "hsl(var(--chart-1))",
    "rgb(1 2 3 / 50%)",
    "oklch(0.7 0.1 20)",
  ])("%s is one", (color) => expect(safeColor(color, 0)).toBe(color));

  it.each([
    "url(#a)",
    "url(https://evil.example/x)",
    "red;background:url(x)",
    "var(--x,url(https://evil.example))",
    'rgb(1,2,3)"onload="alert(1)',
    "expression(alert(1))",
    "image-set(x)",
    7,
    null,
    undefined,
  ])("%s is none", (color) => expect(safeColor(color, 1)).toBe("var(--chart-2)"));

  it("differ when they are repeated", () => {
    const colors = distinctColors(["red", "blue", "red", "red", "red", "red"]);
    expect(colors.slice(0, 2)).toEqual(["red", "blue"]);
    expect(colors[2]).toContain("75%");
    expect(colors[3]).toContain("50%");
    expect(colors[5]).toContain("40%");
  });
});

describe("a table's data", () => {
  it("fills short rows and formats invalid cells", () => {
    const table = readTable({ headers: ["a", 2], rows: [[1], [{ x: 1 }, true, "too many"]] });
    expect(table?.headers).toEqual(["a", "2"]);
    expect(table?.rows[0]).toEqual([1, null]);
    expect(table?.rows[1]?.[1]).toBe(true);
  });

  test.each([
    [false, [1, 2, 10, null]],
    [true, [10, 2, 1, null]],
  ])("numbers sort as numbers, empty last (descending: %s)", (descending, expected) => {
    const rows = [[10], [null], [2], [1]];
    expect(sortRows(rows, { column: 0, descending }).map((row) => row[0])).toEqual(expected);
  });

  it("is sorted case-insensitively, with numbers in text by value, and stably", () => {
    const rows = [
      ["b", 1],
      ["A", 2],
      ["b", 0],
      ["item 10", 0],
      ["item 9", 0],
    ];
    expect(sortRows(rows, { column: 0, descending: false })).toEqual([rows[1], rows[0], rows[2], rows[4], rows[3]]);
  });

  it("is copied as tab-separated text without formulas", () => {
    const rows = [
      ['=HYPERLINK("x")', -1],
      ["two\tlines\nhere", null],
      ["@x", true],
    ];
    expect(tableText({ headers: ["+a", "b"], rows })).toBe(
      "'+a\tb\n'=HYPERLINK(\"x\")\t-1\ntwo lines here\t\n'@x\ttrue",
    );
  });
});

describe("a timeline's data", () => {
  it("is sorted by date, without checkpoints that have none", () => {
    const checkpoints = [
      { id: "b", title: "B", date: 5 * DAY },
      { id: "x", title: "no date" },
      { id: "a", title: "A", date: "1970-01-02T00:00:00Z", startDate: 0, isAiSuggested: true, isApproved: false },
    ];
    expect(readTimeline({ checkpoints })).toMatchObject([
      { id: "a", date: DAY, start: 0, suggested: true, approved: false },
      { id: "b", date: 5 * DAY, start: undefined, suggested: false },
    ]);
  });

  it.each([
    [[0], 0],
    [[0, 3 * DAY], DAY],
    [[0, 30 * DAY], 15 * DAY],
    [[0, 4000 * DAY], 100 * DAY],
    [[0, 8e15], 0],
    [[100 * DAY], 0],
  ])("has an axis with its dates on it: %j", (dates, now) => {
    const checkpoints = readTimeline({ checkpoints: dates.map((date) => ({ id: "", title: "", date })) }) ?? [];
    const scale = scaleOf(checkpoints, now);
    for (const date of dates) {
      expect(placeOn(scale, date)).toBeGreaterThan(0);
      expect(placeOn(scale, date)).toBeLessThan(100);
    }
    expect(scale.ticks.length).toBeLessThanOrEqual(8);
    expect(scale.ticks.every((tick) => tick > scale.from && tick < scale.to)).toBe(true);
  });

  it.each(["Europe/Berlin", "America/New_York", "Pacific/Auckland"])("has its ticks at midnight in %s", (zone) => {
    vi.stubEnv("TZ", zone);
    for (const [month, day] of [
      [2, 7],
      [2, 28],
      [3, 4],
      [8, 26],
      [9, 24],
      [9, 31],
    ] as const) {
      const from = new Date(2026, month, day, 12).getTime();
      const checkpoints = [from, from + 3 * DAY].map((date) => ({ id: "", title: "", date }));
      const { ticks } = scaleOf(readTimeline({ checkpoints }) ?? [], from);
      expect(ticks.length).toBeGreaterThan(2);
      expect(ticks.map((tick) => new Date(tick).getHours())).toEqual(ticks.map(() => 0));
      expect(new Set(ticks.map((tick) => new Date(tick).getDate())).size).toBe(ticks.length);
    }
    vi.unstubAllEnvs();
  });
});

describe("items", () => {
  it("are read in the same way for all entities", () => {
    const items = [{ id: "p", name: "Harbour", status: "on_hold" }];
    expect(readEntities({ entity: "project", items })?.items[0]).toMatchObject({ title: "Harbour", status: "on_hold" });
    const notes = [{ id: "n", title: "N", content: "x".repeat(500), createdAt: 1000 }];
    const note = readEntities({ entity: "note", items: notes })?.items[0];
    expect(note?.excerpt.length).toBeLessThan(170);
    expect(note?.date).toBe(1000);
  });
});

describe("dates", () => {
  it.each([
    [1000, 1000],
    ["2026-11-22", new Date(2026, 10, 22).getTime()],
    ["2026-11-22T10:00:00Z", Date.UTC(2026, 10, 22, 10)],
    ["22 November", undefined],
    ["12", undefined],
    ["2026-13-45", undefined],
    ["2026-02-30", undefined],
    ["2026-02-30T10:00:00Z", undefined],
    [1e300, undefined],
    [Number.NaN, undefined],
    [true, undefined],
    [null, undefined],
  ])("%j is %j", (value, expected) => expect(epochMs(value)).toBe(expected));

  it("have a year if it is not the current one", () => {
    const now = Date.UTC(2026, 10, 22);
    expect(formatDay(Date.UTC(2026, 10, 25), "en-GB", now, "UTC")).toBe("25 Nov");
    expect(formatDay(Date.UTC(2027, 0, 3), "en-GB", now, "UTC")).toBe("3 Jan 2027");
    expect(formatLabel("2026-11-22", "en-GB", now)).toBe("22 Nov");
    expect(formatLabel("2026-11-22T17:00Z", "en-GB", now, "UTC")).toBe("22 Nov, 17:00");
    expect(formatLabel("2026-11-22T17:00 or so", "en-GB", now)).toBe("2026-11-22T17:00 or so");
    expect(formatLabel("todo", "en-GB", now)).toBe("todo");
    expect(formatLabel("2026-03-08/2026-03-14", "en-GB", now)).toBe("8 Mar – 14 Mar");
  });

  it.each(["Pacific/Auckland", "America/New_York", "Asia/Kathmandu", "UTC"])("are the same day in %s", (zone) => {
    const before = process.env["TZ"];
    process.env["TZ"] = zone;
    try {
      const local = new Date(2026, 2, 10).getTime();
      const forms = [
        ["2026-03-10", "date"],
        [local, "local_midnight"],
        [Date.UTC(2026, 2, 10), "utc_midnight"],
      ] as const;
      for (const [stored, form] of forms) {
        expect(calendarDay(stored, { dates: form })).toBe("2026-03-10");
        expect(epochMs(stored, { dates: form })).toBe(local);
        expect(formatDay(epochMs(stored, { dates: form }) ?? 0, "en-GB", local)).toBe("10 Mar");
      }
      expect(formatLabel("2026-03-10", "en-GB", local)).toBe("10 Mar");
      const noon = Date.UTC(2026, 2, 10, 12, 1);
      for (const form of ["date", "local_midnight", "utc_midnight"] as const) {
        expect(calendarDay(noon, { dates: form })).toBeUndefined();
        expect(epochMs(noon, { dates: form })).toBe(noon);
      }
    } finally {
      if (before === undefined) delete process.env["TZ"];
      else process.env["TZ"] = before;
    }
  });
});

it("formats any value as text", () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  expect(writeJson(circle)).toBe("[object Object]");
  expect(writeJson(undefined)).toBe("undefined");
  expect(writeJson("x".repeat(100_000)).length).toBeLessThan(21_000);
});

describe.each(MALFORMED)("malformed data: %s", (_, data) => {
  it("is read as undefined, or as its valid parts", () => {
    for (const read of [readChart, readTable, readTimeline, readEntities]) expect(() => read(data)).not.toThrow();
  });
});
