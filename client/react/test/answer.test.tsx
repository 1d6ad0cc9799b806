import "./charts-loaded.js";
import {
  type AnswerFrame,
  type AnswerSnapshot,
  type AnswerTool,
  applyFrame,
  newSnapshot,
  parseToolName,
  TesseraError,
} from "@tessera/client";
import { act, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it } from "vitest";
import { Answer, type AnswerSource, BlockOptionsProvider, de } from "../src/index.js";

const EMPTY: AnswerSnapshot = {
  requestId: "r1",
  status: "running",
  agent: "task_agent",
  domain: null,
  blocks: [],
  tools: [],
  mutations: [],
  memoryUsed: [],
  usage: null,
  error: null,
};

/** An answer that the test controls. */
class Script implements AnswerSource {
  snapshot = EMPTY;
  readonly listeners = new Set<() => void>();

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  change(change: Partial<AnswerSnapshot>): void {
    this.snapshot = { ...this.snapshot, ...change };
    act(() => {
      for (const listener of this.listeners) listener();
    });
  }
}

it("renders an answer while it grows, with each block at its index", async () => {
  const answer = new Script();
  const { container } = render(
    <StrictMode>
      <Answer request={answer} />
    </StrictMode>,
  );
  expect(screen.getByText("Thinking…")).toBeDefined();
  expect(screen.getByRole("status").textContent).toBe("Answering");
  answer.change({ blocks: [{ index: 0, type: "text", text: "Two **tas", open: true }] });
  expect(container.textContent).toContain("Two **tas");
  answer.change({
    blocks: [
      { index: 0, type: "text", text: "Two **tasks**:", open: false },
      { index: 2, type: "table", data: null, open: true },
    ],
  });
  expect(container.querySelector("strong")?.textContent).toBe("tasks");
  expect(screen.getByRole("img", { name: "Table loading" })).toBeDefined();
  answer.change({
    status: "completed",
    blocks: [
      { index: 0, type: "text", text: "Two **tasks**:", open: false },
      { index: 1, type: "entity_ref", data: { entity: "task", items: [{ id: "t", title: "Late one" }] }, open: false },
      { index: 2, type: "table", data: { headers: ["H"], rows: [] }, open: false },
    ],
  });
  const shown = [...(container.querySelector(".tsr-answer")?.children ?? [])].map(({ className }) => className);
  expect(shown).toEqual(["tsr-text", "tsr-entities tsr-rows", "tsr-block", "tsr-hidden"]);
  expect(container.querySelector(".tsr-answer > [role='status']")?.textContent).toBe("The answer is complete");
});

it("shows how an answer ended, and keeps its blocks", () => {
  const answer = new Script();
  render(<Answer request={answer} />);
  answer.change({ blocks: [{ index: 0, type: "text", text: "so far", open: false }], status: "cancelled" });
  expect(screen.getByText("so far")).toBeDefined();
  expect(screen.getByRole("status").textContent).toBe("Stopped.");
  const error = new TesseraError("model_busy", "The model is busy.", { retryable: true });
  answer.change({ status: "failed", error });
  expect(screen.getByRole("status").textContent).toBe("The answer failed: The model is busy. Try again.");
});

it("subscribes to the given request, and unsubscribes from the previous one", () => {
  const [first, second] = [new Script(), new Script()];
  first.snapshot = { ...EMPTY, blocks: [{ index: 0, type: "text", text: "first", open: false }] };
  second.snapshot = { ...EMPTY, blocks: [{ index: 0, type: "text", text: "second", open: false }] };
  const { container, rerender, unmount } = render(<Answer request={first} />);
  expect(container.textContent).toContain("first");
  rerender(<Answer request={second} />);
  expect(container.textContent).toContain("second");
  expect(first.listeners.size).toBe(0);
  rerender(<Answer request={null} />);
  expect(container.textContent).toBe("");
  unmount();
  expect(second.listeners.size).toBe(0);
});

it.each([
  ["chart", { chartType: "bar", title: "", data: [{ day: "a", n: 1 }], config: { n: { label: "N" } } }, "chartType"],
  ["table", { headers: ["H"], rows: [["x"]] }, "headers"],
  ["timeline", { checkpoints: [{ id: "c", title: "Demo", date: 0 }] }, "checkpoints"],
  ["entity_ref", { entity: "task", items: [{ id: "t", title: "One" }] }, "items"],
  ["of_a_later_server", { x: 1 }, "x"],
] as const)("draws a %s once, however much text comes after it", (type, plain, field) => {
  let drawings = 0;
  const data: Record<string, unknown> = { ...plain };
  const value = data[field];
  Object.defineProperty(data, field, {
    enumerable: true,
    get: () => {
      drawings += 1;
      return value;
    },
  });
  const answer = new Script();
  const { container } = render(<Answer request={answer} />);
  const whole = { index: 0, type, data, open: false } as unknown as AnswerSnapshot["blocks"][number];
  answer.change({ blocks: [whole] });
  const once = drawings;
  expect(once).toBeGreaterThan(0);
  for (let chunk = 1; chunk <= 20; chunk += 1) {
    // The block may be a new object each time; only a change of its data matters.
    answer.change({ blocks: [{ ...whole }, { index: 1, type: "text", text: "word ".repeat(chunk), open: true }] });
  }
  answer.change({ status: "completed" });
  expect(container.textContent).toContain("word word");
  expect(drawings).toBe(once);
});

it("goes on over a resume: the blocks keep their elements, and a replay renders nothing twice", () => {
  const answer = new Script();
  const apply = (...frames: object[]): void =>
    answer.change(
      frames.reduce((snapshot, frame) => applyFrame(snapshot as AnswerSnapshot, frame as AnswerFrame), answer.snapshot),
    );
  answer.snapshot = newSnapshot("r1");
  const { container } = render(<Answer request={answer} />);
  const start = { type: "stream_start", agent: "task_agent" };
  const open = { type: "block_open", block: 0, block_type: "text" };
  const table = { type: "stream_block", block: 1, block_type: "table", data: { headers: ["a"], rows: [[1]] } };
  apply(start, open, { type: "stream_text", block: 0, chunk: "Good " });
  const [text] = container.querySelectorAll(".tsr-text");
  const replay = [start, open, { type: "stream_text", block: 0, chunk: "Good morning", replace: true }, table];
  apply(...replay);
  const html = container.innerHTML;
  expect(container.querySelectorAll(".tsr-text")[0]).toBe(text);
  expect(container.textContent).toContain("Good morning");
  apply(...replay);
  expect(container.innerHTML).toBe(html);
  apply({ type: "stream_end", status: "completed", mutations: [] });
  expect(container.textContent).toContain("The answer is complete");
});

it.each([
  ["length", "The answer is incomplete: the model reached its limit of tokens."],
  ["content_filter", "The answer is incomplete: the model's content filter stopped it."],
  ["tool_limit", "The answer may be incomplete: it has used up its calls to your device."],
] as const)("says that an answer ended by %s is not complete", (finish, text) => {
  const answer = new Script();
  render(<Answer request={answer} />);
  answer.change({ status: "completed", finish });
  expect(screen.getByRole("status").textContent).toBe(text);
  expect(screen.getByRole("status").className).toBe("tsr-outcome");
});

it("says that an answer was cut, in the server's words if it sent any, and nothing about an answer that the model finished", () => {
  const answer = new Script();
  render(<Answer request={answer} />);
  answer.change({ status: "failed", error: new TesseraError("answer_cut", "The answer is incomplete.") });
  expect(screen.getByRole("status").textContent).toBe("The answer is incomplete because it was cut off.");
  const text = "Die Antwort ist unvollständig.";
  answer.change({ error: new TesseraError("answer_cut", "The answer is incomplete.", { text }) });
  expect(screen.getByRole("status").textContent).toBe(text);
  answer.change({ status: "completed", error: null, finish: "stop" });
  expect(screen.getByRole("status").className).toBe("tsr-hidden");
});

describe("the tools of a running answer", () => {
  const tool = (name: string, state: AnswerTool["state"], callId = name): AnswerTool => {
    const [verb = null, entity = null] = parseToolName(name) ?? [];
    return { callId, tool: name, verb, entity, state, code: null };
  };

  it.each([
    ["list_tasks", "started", "Reading your tasks…"],
    ["get_note", "started", "Reading your notes…"],
    ["create_task", "started", "Creating a task…"],
    ["update_project", "started", "Changing a project…"],
    ["delete_checkpoint", "started", "Deleting a checkpoint…"],
    ["delete_task", "waiting_for_approval", "Waiting for your decision…"],
    ["paint_house", "started", "Working on your device…"],
  ] as const)("%s: the answer says what the assistant is doing", (name, state, said) => {
    const answer = new Script();
    render(<Answer request={answer} />);
    answer.change({ tools: [tool(name, state)] });
    expect(screen.getByRole("status").textContent).toBe(said);
    expect(document.querySelector(".tsr-thinking")?.textContent).toBe(said);
    // The line goes with the call, also when there is text already.
    answer.change({ tools: [tool(name, "finished")], blocks: [{ index: 0, type: "text", text: "Two.", open: true }] });
    expect(screen.getByRole("status").textContent).toBe("Answering");
    expect(document.querySelector(".tsr-thinking")).toBeNull();
    answer.change({ tools: [tool(name, "finished"), tool("list_notes", "started")] });
    expect(document.querySelector(".tsr-thinking")?.textContent).toBe("Reading your notes…");
    answer.change({ status: "cancelled" });
    expect(document.querySelector(".tsr-thinking")).toBeNull();
  });

  it("the person's decision goes before other calls, and the language is the person's", () => {
    const answer = new Script();
    render(
      <BlockOptionsProvider wording={de}>
        <Answer request={answer} />
      </BlockOptionsProvider>,
    );
    answer.change({ tools: [tool("delete_task", "waiting_for_approval"), tool("list_notes", "started")] });
    expect(screen.getByRole("status").textContent).toBe("Wartet auf Ihre Entscheidung …");
    answer.change({ tools: [tool("create_task", "started")] });
    expect(screen.getByRole("status").textContent).toBe("Legt eine Aufgabe an …");
  });
});
