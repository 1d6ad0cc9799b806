import "./charts-loaded.js";
import type { AnswerBlock } from "@tessera/client";
import { act, render, screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { Block, BlockOptionsProvider, ChartBlock, EntityBlock, TableBlock, TimelineBlock } from "../src/index.js";
import { MALFORMED } from "./malformed.js";

const NOW = Date.UTC(2026, 10, 22, 12);
const DAY = 86_400_000;

function block(type: string, data: unknown): AnswerBlock {
  return { index: 0, type, data, open: false } as unknown as AnswerBlock;
}

describe("invalid data does not break the page", () => {
  let errors: MockInstance<typeof console.error>;
  beforeEach(() => {
    errors = vi.spyOn(console, "error").mockImplementation(() => {});
  });
  afterEach(() => {
    errors.mockRestore();
  });

  describe.each(["chart", "table", "timeline", "entity_ref", "hologram"])("%s", (type) => {
    it.each(MALFORMED)("%s", (_, data) => {
      const { container } = render(
        <main>
          <Block block={block(type, data)} />
          <p>the rest of the page</p>
        </main>,
      );
      expect(screen.getByText("the rest of the page")).toBeDefined();
      expect(container.querySelector("img, script, iframe")).toBeNull();
      expect(errors.mock.calls.filter(([first]) => !String(first).includes("of chart should be greater"))).toEqual([]);
    });
  });

  it("shows the block's data if a component throws, calls onBlockError, and renders again with new data", () => {
    const onBlockError = vi.fn();
    const trap = {
      get headers(): never {
        throw new Error("a trap");
      },
    };
    const shown = (data: unknown) => (
      <BlockOptionsProvider onBlockError={onBlockError}>
        <Block block={block("table", data)} />
      </BlockOptionsProvider>
    );
    const { rerender } = render(shown(trap));
    expect(screen.getByText(/cannot be drawn/)).toBeDefined();
    expect(onBlockError).toHaveBeenCalledWith(expect.any(Error), "table");
    rerender(shown({ headers: ["Fine"], rows: [] }));
    expect(screen.getByRole("columnheader", { name: /Fine/ })).toBeDefined();
  });
});

describe("text", () => {
  const text = (content: string) =>
    render(<Block block={{ index: 0, type: "text", text: content, open: true }} />).container;

  it("is rendered as Markdown", () => {
    const container = text("# Plan\n\nDo **this** first:\n\n- [x] one\n- [ ] two\n\n| a | b |\n|---|---|\n| 1 | 2 |");
    expect(screen.getByRole("heading", { name: "Plan", level: 3 })).toBeDefined();
    expect(container.querySelector("strong")?.textContent).toBe("this");
    expect(screen.getByRole("img", { name: "done" })).toBeDefined();
    expect(screen.getByRole("table")).toBeDefined();
    expect(container.querySelector("input")).toBeNull();
  });

  it("opens web and mail links in a new tab, without a referrer", () => {
    text("[site](https://example.com/x) [mail](mailto:a@b.example) https://bare.example");
    const links = screen.getAllByRole("link");
    expect(links.map((link) => link.getAttribute("href"))).toEqual([
      "https://example.com/x",
      "mailto:a@b.example",
      "https://bare.example",
    ]);
    for (const link of links) {
      expect(link.getAttribute("rel")).toContain("noopener");
      expect(link.getAttribute("rel")).toContain("noreferrer");
      expect(link.getAttribute("target")).toBe("_blank");
    }
  });

  it.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/api/v1/memory)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "[x]: javascript:alert(1)\n\n[x]",
    "<svg onload=alert(1)>",
    '<iframe src="https://evil.example"></iframe>',
    '<style>body{display:none}</style><link rel="stylesheet" href="//evil.example">',
    "<form action=//evil.example><button>x",
  ])("is safe: %s", (content) => {
    const container = text(content);
    expect(container.querySelector("script, img, svg, iframe, style, link, form, button, object, embed")).toBeNull();
    for (const link of container.querySelectorAll("a")) expect(link.getAttribute("href")).toMatch(/^(https?:|mailto:)/);
    for (const element of container.querySelectorAll("*")) {
      for (const { name } of element.attributes) expect(name).not.toMatch(/^on|^style$|^srcdoc$/);
    }
  });

  it("links to pictures instead of loading them", () => {
    const container = text("![a cat](https://evil.example/?secret=1)");
    expect(container.querySelector("img")).toBeNull();
    expect(screen.getByRole("link", { name: "a cat" }).getAttribute("href")).toBe("https://evil.example/?secret=1");
  });
});

describe("charts", () => {
  const data = (chartType: string) => ({
    chartType,
    title: "Tasks by status",
    data: [
      { status: "todo", count: 3, late: 1 },
      { status: "in progress", count: 5, late: 2 },
      { status: "done", count: 2, late: 0 },
    ],
    config: { count: { label: "Tasks", color: "var(--chart-1)" }, late: { label: "Late", color: "var(--chart-5)" } },
  });

  it.each([
    ["bar", ".recharts-bar-rectangle path", 5],
    ["line", ".recharts-line-curve", 2],
    ["area", ".recharts-area-area", 2],
    ["radar", ".recharts-radar-polygon", 2],
    ["pie", ".recharts-pie-sector path", 5],
    ["radial", ".recharts-radial-bar-sector", 5],
  ])("%s draws its data", (chartType, selector, count) => {
    const { container } = render(<ChartBlock data={data(chartType)} />);
    // A value of 0 has no shape in bar, pie and radial charts.
    const shapes = [...container.querySelectorAll(selector)].filter((shape) => shape.getAttribute("d") !== "");
    expect(shapes.length).toBe(count);
    expect(screen.getByRole("figure", { name: "Tasks by status" })).toBeDefined();
  });

  it.each([
    [300, 300, 200, "and 100 more points, left out here"],
    [2000, 0, 200, "and 1,800 more points, left out here"],
    [200, 200, 200, ""],
  ])("of %i points has %i dots, and %i rows of figures", (points, dots, rows, note) => {
    const many = Array.from({ length: points }, (_, at) => ({ day: `day ${at}`, n: at }));
    const { container } = render(
      <BlockOptionsProvider locale="en">
        <ChartBlock data={{ chartType: "line", title: "Long", data: many, config: { n: { label: "N" } } }} />
      </BlockOptionsProvider>,
    );
    expect(container.querySelectorAll(".recharts-line-curve")).toHaveLength(1);
    expect(container.querySelectorAll(".recharts-line-dot")).toHaveLength(dots);
    expect(container.querySelectorAll("tbody tr")).toHaveLength(rows);
    expect(container.querySelector("tfoot")?.textContent ?? "").toBe(note);
  });

  it("has its figures as a table, which a button shows", async () => {
    render(<ChartBlock data={data("bar")} />);
    const table = screen.getByRole("table", { name: "Tasks by status" });
    expect(within(table).getAllByRole("row")).toHaveLength(4);
    expect(within(table).getByRole("row", { name: "in progress 5 2" })).toBeDefined();
    expect(
      within(table)
        .getAllByRole("columnheader")
        .map((header) => header.textContent),
    ).toEqual(["status", "Tasks", "Late"]);
    const button = screen.getByRole("button", { name: "Figures", pressed: false });
    await userEvent.click(button);
    expect(button.getAttribute("aria-pressed")).toBe("true");
    expect(screen.queryByRole("img")).toBeNull();
  });

  it("names its colours like shadcn", () => {
    render(<ChartBlock data={data("bar")} />);
    expect(screen.getByRole("figure").style.getPropertyValue("--color-count")).toBe("var(--chart-1)");
  });
});

describe("tables", () => {
  const data = {
    headers: ["Task", "Hours"],
    rows: [
      ["b", 2],
      ["a", 10],
      ["c", null],
    ],
  };
  const firstColumn = () =>
    screen
      .getAllByRole("row")
      .slice(1)
      .map((row) => row.querySelector("td")?.textContent);

  it("sorts by a column with the keyboard: ascending, descending, unsorted", async () => {
    const user = userEvent.setup();
    render(<TableBlock data={data} />);
    screen.getByRole("button", { name: "Hours" }).focus();
    const header = screen.getByRole("columnheader", { name: "Hours" });
    expect(header.getAttribute("aria-sort")).toBe("none");
    await user.keyboard("{Enter}");
    expect(firstColumn()).toEqual(["b", "a", "c"]);
    expect(header.getAttribute("aria-sort")).toBe("ascending");
    await user.keyboard("{Enter}");
    expect(firstColumn()).toEqual(["a", "b", "c"]);
    await user.keyboard("{Enter}");
    expect(header.getAttribute("aria-sort")).toBe("none");
  });

  it("shows the title above the table and the note below it", () => {
    const titled = { ...data, title: "Hours <b>a day</b>", note: "Without breaks.\nEstimated." };
    const { container, rerender } = render(<TableBlock data={titled} />);
    const title = screen.getByText("Hours <b>a day</b>");
    const note = container.querySelector(".tsr-table-note");
    const table = screen.getByRole("table", { name: /^Hours <b>a day<\/b>/ });
    expect(note?.textContent).toBe("Without breaks.\nEstimated.");
    expect(title.compareDocumentPosition(table) & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
    expect(table.compareDocumentPosition(note as Node) & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
    rerender(<TableBlock data={{ ...data, title: 7, note: "  " }} />);
    expect(container.querySelector(".tsr-table-title, .tsr-table-note")).toBeNull();
  });

  it("is copied in its sort order", async () => {
    const user = userEvent.setup();
    render(<TableBlock data={data} />);
    await user.click(screen.getByRole("button", { name: "Task" }));
    await user.click(screen.getByRole("button", { name: "Copy table" }));
    expect(await navigator.clipboard.readText()).toBe("Task\tHours\na\t10\nb\t2\nc\t");
    expect(screen.getByRole("status").textContent).toBe("Copied");
  });

  it("shows an error if the browser does not allow copying", async () => {
    const user = userEvent.setup();
    render(<TableBlock data={data} />);
    vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new DOMException("no", "NotAllowedError"));
    await user.click(screen.getByRole("button", { name: "Copy table" }));
    expect((await screen.findByText(/^Not copied/)).getAttribute("role")).toBe("status");
  });
});

describe("timelines", () => {
  it("have a row per checkpoint in order of date, and a mark for today", () => {
    const checkpoints = [
      { id: "2", title: "Launch", date: NOW + 9 * DAY, isAiSuggested: true, isApproved: false },
      { id: "1", title: "Contract", date: NOW - 3 * DAY },
    ];
    const { container } = render(
      <BlockOptionsProvider now={NOW} locale="en-GB">
        <TimelineBlock data={{ checkpoints }} />
      </BlockOptionsProvider>,
    );
    const rows = within(screen.getByRole("list", { name: /Timeline, 2/ })).getAllByRole("listitem");
    expect(rows.map((row) => row.querySelector(".tsr-gantt-title")?.textContent)).toEqual(["Contract", "Launch"]);
    expect(rows.map((row) => row.dataset["state"])).toEqual(["past", "suggested"]);
    expect(rows[1]?.querySelector("time")?.textContent).toBe("1 Dec · suggested");
    expect(container.querySelectorAll(".tsr-today")).toHaveLength(2);
  });
});

describe("items", () => {
  const tasks = {
    entity: "task",
    items: [
      {
        id: "t1",
        title: "Write",
        status: "todo",
        priority: "high",
        dueDate: NOW - DAY,
        projectId: "p1",
        assignee: "me",
      },
      { id: "t2", title: "Rest", status: "done", dueDate: NOW - DAY },
    ],
  };

  it("are rows that mark late and finished tasks", () => {
    render(
      <BlockOptionsProvider now={NOW} locale="en-GB" projectName={(id) => (id === "p1" ? "Harbour" : undefined)}>
        <EntityBlock data={tasks} />
      </BlockOptionsProvider>,
    );
    const [write, rest] = screen.getAllByRole("listitem");
    expect(write?.textContent).toContain("due 21 Nov, late");
    expect(write?.textContent).toContain("Harbour");
    expect(rest?.textContent).not.toContain("late");
    expect(rest?.querySelector('[aria-label="done"]')).not.toBeNull();
  });

  it.each(["date", "utc_midnight"] as const)("with a day are late from the next local day on (%s)", (dates) => {
    const dueDate = dates === "date" ? "2026-11-22" : Date.UTC(2026, 10, 22);
    const data = { entity: "task", items: [{ id: "t", title: "T", status: "todo", dueDate }] };
    for (const [now, late] of [
      [new Date(2026, 10, 22, 23, 59), false],
      [new Date(2026, 10, 23, 0, 1), true],
    ] as const) {
      const { container, unmount } = render(
        <BlockOptionsProvider now={now.getTime()} locale="en-GB" dates={dates}>
          <EntityBlock data={data} />
        </BlockOptionsProvider>,
      );
      expect(container.textContent).toContain("22 Nov");
      expect(container.textContent?.includes("late")).toBe(late);
      expect(container.querySelector("time")?.getAttribute("datetime")).toBe("2026-11-22");
      unmount();
    }
  });

  it.each([
    ["America/New_York", "22 Nov", "due 22 Nov", "2026-11-22T23:59:00-05:00"],
    ["Europe/Berlin", "22 Nov", "due 22 Nov", "2026-11-22T23:59:00+01:00"],
    ["Pacific/Auckland", "22 Nov", "due 22 Nov", "2026-11-22T23:59:00+13:00"],
  ])("become late at midnight in the zone of the provider, without a reload: %s", (timeZone, day, due, before) => {
    vi.useFakeTimers({ now: Date.parse(before) });
    try {
      const item = { id: "t", title: "T", status: "todo", dueDate: "2026-11-22" };
      const table = { headers: ["Due"], rows: [["2026-11-22"]] };
      const { container } = render(
        <BlockOptionsProvider timeZone={timeZone} locale="en-GB">
          <EntityBlock data={{ entity: "task", items: [item] }} />
          <TableBlock data={table} />
          <TimelineBlock data={{ checkpoints: [{ id: "c", title: "C", date: "2026-11-22" }] }} />
        </BlockOptionsProvider>,
      );
      const [task, , point] = [...container.querySelectorAll("time")];
      expect(task?.textContent).toBe(due);
      expect(container.querySelector("td")?.textContent).toBe(day);
      expect((point ?? container.querySelectorAll("time")[1])?.textContent).toContain(day);
      expect(container.querySelector("[data-state]")?.getAttribute("data-state")).toBe("ahead");
      act(() => vi.advanceTimersByTime(60_500));
      expect(task?.textContent).toBe(`${due}, late`);
      expect(container.querySelector("[data-state]")?.getAttribute("data-state")).toBe("past");
    } finally {
      vi.useRealTimers();
    }
  });

  it("are shown in the browser's zone if the provider's is unknown", () => {
    const data = { entity: "task", items: [{ id: "t", title: "T", status: "todo", dueDate: "2026-11-22" }] };
    const { container } = render(
      <BlockOptionsProvider timeZone="Mars/Base" locale="en-GB">
        <EntityBlock data={data} />
      </BlockOptionsProvider>,
    );
    expect(container.textContent).toContain("22 Nov");
  });

  it("are late from the day after their due date", () => {
    const hour = (day: number, at: number) => new Date(2026, 10, day, at).getTime();
    const due = (at: number) => ({ entity: "task", items: [{ id: "t", title: "T", status: "todo", dueDate: at }] });
    for (const [at, late] of [
      [hour(22, 0), false],
      [hour(22, 17), false],
      [hour(21, 23), true],
      [hour(23, 0), false],
    ] as const) {
      const { container, unmount } = render(
        <BlockOptionsProvider now={hour(22, 20)}>
          <EntityBlock data={due(at)} />
        </BlockOptionsProvider>,
      );
      expect(container.textContent?.includes("late")).toBe(late);
      unmount();
    }
  });

  it("call onOpenItem if it is set", async () => {
    const onOpenItem = vi.fn();
    render(
      <BlockOptionsProvider onOpenItem={onOpenItem}>
        <EntityBlock data={tasks} />
      </BlockOptionsProvider>,
    );
    await userEvent.click(screen.getByRole("button", { name: "Write" }));
    expect(onOpenItem).toHaveBeenCalledWith("task", expect.objectContaining({ id: "t1", item: tasks.items[0] }));
  });

  it("are cards for projects and notes", () => {
    const { container } = render(
      <EntityBlock data={{ entity: "note", items: [{ id: "n", title: "N", content: "body" }] }} />,
    );
    expect(container.querySelector(".tsr-cards .tsr-excerpt")?.textContent).toBe("body");
    expect(screen.queryByRole("button")).toBeNull();
  });
});

it.each(["chart", "table", "timeline", "entity_ref"] as const)("an open %s is a skeleton", (type) => {
  render(<Block block={{ index: 0, type, data: null, open: true }} />);
  expect(screen.getByRole("img", { name: /loading$/ })).toBeDefined();
});
