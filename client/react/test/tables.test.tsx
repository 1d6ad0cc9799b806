import { act, render, screen } from "@testing-library/react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { describe, expect, it, vi } from "vitest";
import { tableText } from "../src/data/table.js";
import { AnswerView, BlockOptionsProvider, EntityBlock, TableBlock, TimelineBlock } from "../src/index.js";

describe("numbers of a table", () => {
  it.each([
    ["Year", 2026, "2026"],
    ["taskId", 1234567, "1234567"],
    ["Order no.", 20001, "20001"],
    ["ZIP code", 10115, "10115"],
    ["Amount", 1234567, "1,234,567"],
    ["Identity", 12345, "12,345"],
    ["Note", 12345, "12,345"],
  ])("%s: %i is %s", (header, value, shown) => {
    render(
      <BlockOptionsProvider locale="en">
        <TableBlock
          data={{
            headers: ["Name", header],
            rows: [
              ["a", value],
              ["b", value],
            ],
          }}
        />
      </BlockOptionsProvider>,
    );
    expect(screen.getAllByRole("cell", { name: shown })).toHaveLength(2);
  });

  it("years have no separators under any header", () => {
    render(
      <BlockOptionsProvider locale="en">
        <TableBlock data={{ headers: ["When"], rows: [[2025], [2026]] }} />
      </BlockOptionsProvider>,
    );
    expect(screen.getByRole("cell", { name: "2026" })).toBeDefined();
  });
});

describe("a copied table", () => {
  const copied = (cell: string) => tableText({ headers: ["h"], rows: [[cell]] }, "Europe/Berlin").split("\n")[1];

  it.each(["=1+1", "+cmd", "-cmd", "@x", '"=1+1"', "'=1", " =1", "\u200b=1", "＝1", "＋x", "－x", "＠x", "|x", "%x"])(
    "has no formula: %s",
    (cell) => expect(copied(cell)?.startsWith("'")).toBe(true),
  );

  it.each(["-5", "+1.5", "-1,234.50", "-5 %", "plain", "a=b", "2026-03-09"])("leaves %s as it is", (cell) => {
    expect(copied(cell)).toBe(cell);
  });

  it("has times that a spreadsheet reads, in the person's zone", () => {
    expect(copied("2026-03-09T13:30:00Z")).toBe("2026-03-09 14:30");
  });

  it("has one line per row", () => {
    expect(copied('a\tb\r\n"c')).toBe('a b "c');
  });
});

describe("titles", () => {
  const reversed = "invoice\u202Efdp.exe\u2066";

  it("have no controls that reverse text", () => {
    const { container } = render(
      <>
        <EntityBlock data={{ entity: "task", items: [{ id: "t", title: reversed, assignee: reversed }] }} />
        <TimelineBlock data={{ checkpoints: [{ id: "c", title: reversed, date: "2026-03-09" }] }} />
      </>,
    );
    expect(container.textContent).toContain("invoicefdp.exe");
    expect(container.innerHTML).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  });
});

describe("on the server", () => {
  it("an answer has the same HTML as in the browser, in the given locale and zone", async () => {
    const blocks = [
      { index: 0, type: "text", text: "# Plan\n\n- [x] one\n\n```ts\nx\n```", open: false },
      {
        index: 1,
        type: "table",
        data: { headers: ["Due", "N"], rows: [["2026-03-09T23:30:00Z", 1234.5]] },
        open: false,
      },
      {
        index: 2,
        type: "entity_ref",
        data: { entity: "task", items: [{ id: "t", title: "A", dueDate: "2026-03-09" }] },
        open: false,
      },
      {
        index: 3,
        type: "timeline",
        data: { checkpoints: [{ id: "c", title: "C", date: 1_773_000_000_000 }] },
        open: false,
      },
    ] as const;
    const snapshot = {
      requestId: "r",
      status: "completed",
      agent: null,
      domain: null,
      blocks,
      tools: [],
      mutations: [],
      memoryUsed: [],
      usage: null,
      error: null,
    } as unknown as Parameters<typeof AnswerView>[0]["snapshot"];
    const page = (
      <BlockOptionsProvider locale="de" timeZone="Pacific/Auckland" now={1_773_100_000_000}>
        <AnswerView snapshot={snapshot} />
      </BlockOptionsProvider>
    );
    const container = document.createElement("div");
    document.body.append(container);
    container.innerHTML = renderToString(page);
    const before = container.innerHTML;
    expect(container.textContent).toContain("1.234,5");
    const problems: unknown[] = [];
    const errors = vi.spyOn(console, "error").mockImplementation((...given) => problems.push(given));
    const root = await act(async () =>
      hydrateRoot(container, page, { onRecoverableError: (error) => problems.push(error) }),
    );
    expect(problems).toEqual([]);
    expect(container.innerHTML).toBe(before);
    errors.mockRestore();
    act(() => root.unmount());
    container.remove();
  });
});
