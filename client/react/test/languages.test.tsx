import "./charts-loaded.js";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type AnswerSnapshot, newSnapshot, TesseraError, type TesseraErrorCode } from "@tessera/client";
import { act, render, screen } from "@testing-library/react";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  AnswerView,
  ApprovalDialog,
  ApprovalQueue,
  ar,
  BlockOptionsProvider,
  ChartBlock,
  de,
  EntityBlock,
  es,
  fr,
  ja,
  TableBlock,
  TextBlock,
  TimelineBlock,
  type Wording,
} from "../src/index.js";

const NOW = Date.UTC(2026, 10, 22, 12);
const CHART = {
  chartType: "bar",
  title: "",
  data: Array.from({ length: 201 }, (_, at) => ({ day: `t${at}`, n: at * 1000 })),
  config: { n: { label: "N" } },
};
const TASKS = {
  entity: "task",
  items: [
    { id: "1", title: "Titel", status: "in_progress", priority: "high", dueDate: "2026-03-09" },
    { id: "2", title: "", status: "done", isAiSuggested: true, isApproved: false },
  ],
};

function answer(fields: Partial<AnswerSnapshot>): AnswerSnapshot {
  return { ...newSnapshot("r1"), ...fields };
}

beforeAll(() => {
  // jsdom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function showModal(): void {
    this.open = true;
  };
});

/** Everything that a component says: its text and its labels. */
function said(container: HTMLElement): string {
  const labels = [...container.querySelectorAll("[aria-label]")].map((element) => element.getAttribute("aria-label"));
  return [container.textContent, ...labels].join("\n");
}

/** One of each component and state, with data that has no words. */
function everything(wording: Wording) {
  const open = (type: "text" | "chart" | "table" | "timeline" | "entity_ref", index: number) =>
    ({ index, type, data: null, open: true }) as AnswerSnapshot["blocks"][number];
  const blocks = [
    open("chart", 0),
    open("table", 1),
    open("timeline", 2),
    open("entity_ref", 3),
    { index: 4, type: "table", data: "1", open: false },
    { index: 5, type: "text", text: "- [x] \n- [ ] \n\n![](https://a.example/)", open: false },
  ] as unknown as AnswerSnapshot["blocks"];
  const error = new TesseraError("lost", "For developers.");
  return render(
    <BlockOptionsProvider wording={wording} now={NOW}>
      <AnswerView snapshot={answer({ blocks })} />
      <AnswerView snapshot={answer({})} />
      <AnswerView snapshot={answer({ status: "completed" })} />
      <AnswerView snapshot={answer({ status: "completed", finish: "length" })} />
      <AnswerView snapshot={answer({ status: "cancelled" })} />
      <AnswerView snapshot={answer({ status: "failed", error })} />
      <ChartBlock data={CHART} />
      <ChartBlock data={{ ...CHART, chartType: "pie" }} />
      <TableBlock data={{ headers: [""], rows: [[true], [false]] }} />
      <EntityBlock data={TASKS} />
      <EntityBlock data={{ entity: "note", items: [] }} />
      <TimelineBlock data={{ checkpoints: [{ id: "c", title: "", date: "2026-11-22", status: "done" }] }} />
      <TimelineBlock data={{ checkpoints: [] }} />
    </BlockOptionsProvider>,
  );
}

const ENGLISH =
  /Thinking|Answering|complete|Stopped|answer|server|[Cc]hart|Figures|\bnone\b|more|left out|Table,|rows?\b|Column\b|\byes\b|Copy|tasks?\b|No notes|due|late\b|progress|\bhigh\b|\bdone\b|suggested|Untitled|empty|Timeline,|today|loading|cannot|picture|Items|\bMar\b/;

/** The rule of styles.css that draws the check mark, without its pseudo-element. */
function markSelector(): string {
  const css = readFileSync(resolve(import.meta.dirname, "../src/styles.css"), "utf8");
  return /^(\.tsr-check\S+)::after \{/m.exec(css)?.[1] ?? "none";
}

describe.each([ar, de, es, fr, ja])("in $language", (wording) => {
  it("the components say nothing in English", () => {
    const { container } = everything(wording);
    expect(said(container).match(ENGLISH)).toBeNull();
  });

  it("a task that is done has its check mark", () => {
    const { container } = render(
      <BlockOptionsProvider wording={wording}>
        <EntityBlock data={TASKS} />
        <TextBlock text={"- [x] a\n- [ ] b"} />
      </BlockOptionsProvider>,
    );
    const marks = [...container.querySelectorAll(".tsr-check")].map((mark) => mark.matches(markSelector()));
    expect(marks).toEqual([false, true, true, false]);
  });
});

describe("in Arabic", () => {
  it("the components are from right to left, and a chart's plot is not", () => {
    const { container } = everything(ar);
    for (const element of container.querySelectorAll(".tsr-answer, .tsr-block, .tsr-entities")) {
      expect(element.getAttribute("dir")).toBe("rtl");
    }
    for (const plot of container.querySelectorAll(".tsr-plot")) expect(plot.getAttribute("dir")).toBe("ltr");
  });

  it("an answer has the words, the plural forms and the months of Arabic", () => {
    const { container } = render(
      <BlockOptionsProvider wording={ar} locale="ar-EG" now={NOW}>
        <EntityBlock data={TASKS} />
        <TableBlock data={{ headers: ["أ"], rows: [[1234.5], [2], [3]] }} />
      </BlockOptionsProvider>,
    );
    expect(screen.getByRole("list", { name: "مهمتان" })).toBeDefined();
    expect(container.querySelector("time")?.textContent).toBe("تستحق في ٩ مارس، متأخرة");
    expect(container.querySelector(".tsr-foot")?.textContent).toContain("٣ صفوف");
    expect(container.querySelector("td")?.textContent).toBe("١٬٢٣٤٫٥");
  });

  it("the approval question is from right to left, around a name of another direction", () => {
    const queue = new ApprovalQueue();
    render(
      <BlockOptionsProvider wording={ar}>
        <ApprovalDialog queue={queue} itemName={() => "Renew (2)"} />
      </BlockOptionsProvider>,
    );
    const call = { callId: "a", requestId: "r", tool: "delete_task", verb: "delete", entity: "task" } as const;
    act(() => {
      void queue.ask({ ...call, args: { id: "t" }, otherDevice: false }, { signal: new AbortController().signal });
    });
    const dialog = screen.getByRole("dialog");
    expect([dialog.getAttribute("dir"), dialog.getAttribute("lang")]).toEqual(["rtl", "ar"]);
    expect(dialog.querySelector("h2")?.textContent).toBe("حذف «Renew (2)»؟");
    expect(dialog.querySelector("h2 [dir=auto]")?.textContent).toBe("Renew (2)");
  });
});

it("text of unknown direction has its own direction, in every component", () => {
  const arabic = "مرحبا";
  const text = { index: 0, type: "text", text: `# ${arabic}\n\n${arabic}\n\n- ${arabic}`, open: false } as const;
  const { container } = render(
    <BlockOptionsProvider onOpenItem={() => {}} projectName={() => arabic} now={NOW}>
      <AnswerView
        snapshot={answer({
          status: "failed",
          blocks: [text],
          error: new TesseraError("x" as TesseraErrorCode, "x", { text: arabic }),
        })}
      />
      <EntityBlock data={{ entity: "task", items: [{ title: arabic, projectId: "p", assignee: arabic }] }} />
      <EntityBlock data={{ entity: "note", items: [{ title: arabic, content: arabic }] }} />
      <TableBlock data={{ headers: [arabic], rows: [[arabic]] }} />
      <TimelineBlock data={{ checkpoints: [{ title: arabic, date: NOW }] }} />
      <ChartBlock
        data={{ chartType: "pie", title: arabic, data: [{ day: arabic, n: 1 }], config: { n: { label: arabic } } }}
      />
    </BlockOptionsProvider>,
  );
  const shown = [...container.querySelectorAll("*")].filter(
    (element) => element.textContent?.trim() === arabic && element.children.length === 0 && !element.closest("svg"),
  );
  expect(shown.length).toBeGreaterThanOrEqual(12);
  for (const element of shown) {
    const own = element.closest("[dir], bdi");
    expect([element.outerHTML, own?.tagName === "BDI" || own?.getAttribute("dir") === "auto"]).toEqual([
      element.outerHTML,
      true,
    ]);
  }
  // Without a wording, the page decides the direction of the components.
  expect(container.querySelector(".tsr-answer")?.hasAttribute("dir")).toBe(false);
});

describe("numbers and dates are those of", () => {
  const cell = (options: { wording?: Wording; locale?: string }) => {
    const { container, unmount } = render(
      <BlockOptionsProvider {...options}>
        <TableBlock data={{ headers: ["H"], rows: [[1234.5]] }} />
      </BlockOptionsProvider>,
    );
    const text = container.querySelector("td")?.textContent;
    unmount();
    return text;
  };

  it("the given locale, else of the browser if it speaks the wording's language, else of the wording", () => {
    const language = vi.spyOn(navigator, "language", "get");
    language.mockReturnValue("de-CH");
    expect(cell({ wording: de, locale: "en" })).toBe("1,234.5");
    expect(cell({ wording: de })).toBe((1234.5).toLocaleString("de-CH"));
    language.mockReturnValue("en-US");
    expect(cell({ wording: de })).toBe("1.234,5");
    language.mockRestore();
  });
});
