import { type Approval, newSnapshot } from "@tessera/client";
import { act, fireEvent, render, screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  Answer,
  ApprovalDialog,
  ApprovalForm,
  ApprovalQueue,
  ar,
  BlockOptionsProvider,
  de,
  en,
  es,
  fr,
  ja,
  type UndoSource,
  UndoToast,
} from "../src/index.js";

beforeAll(() => {
  // jsdom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function showModal(): void {
    this.open = true;
  };
});

const call = (callId: string, fields: Partial<Approval> = {}): Approval => ({
  callId,
  requestId: "r1",
  tool: "delete_task",
  verb: "delete",
  entity: "task",
  args: { id: "t1" },
  otherDevice: false,
  ...fields,
});
const create = { tool: "create_task", verb: "create", args: { data: { title: "Walk" } } } as const;
const never = (): { signal: AbortSignal } => ({ signal: new AbortController().signal });

describe("the queue of approvals", () => {
  it("keeps each question until it is decided", async () => {
    const queue = new ApprovalQueue();
    const [first, second] = ["a", "b"].map((id) => queue.ask(call(id), never()));
    queue.snapshot[1]?.decide({ args: { id: "t", x: 1 } });
    expect(await second).toEqual({ args: { id: "t", x: 1 } });
    expect(queue.snapshot.map((pending) => pending.call.callId)).toEqual(["a"]);
    queue.snapshot[0]?.decide(true);
    expect(await first).toBe(true);
    expect(queue.snapshot).toEqual([]);
  });

  it("removes a question that needs no answer any more", async () => {
    const queue = new ApprovalQueue();
    const withdrawn = new AbortController();
    const decision = queue.ask(call("a"), withdrawn);
    withdrawn.abort();
    expect(await decision).toBe(false);
    expect(queue.snapshot).toEqual([]);
    expect(await queue.ask(call("b"), { signal: AbortSignal.abort() })).toBe(false);
    expect(queue.snapshot).toEqual([]);
  });
});

describe("the approval dialog", () => {
  function ask(approval: Approval, context: Parameters<ApprovalQueue["ask"]>[1] = never()): Promise<unknown> {
    const queue = new ApprovalQueue();
    render(<ApprovalDialog queue={queue} itemName={(_, id) => (id === "t1" ? "Renew the domain" : undefined)} />);
    let decision: Promise<unknown> = Promise.resolve();
    act(() => {
      decision = queue.ask(approval, context);
    });
    return decision;
  }

  it("asks about the item by its name, and runs the call", async () => {
    const decision = ask(call("a"));
    // jsdom has no layout, so that it puts spaces around the element with the name.
    const dialog = screen.getByRole("dialog", { name: /^Delete “ ?Renew the domain ?”\?$/ });
    expect(dialog.querySelector("h2")?.textContent).toBe("Delete “Renew the domain”?");
    expect(dialog.textContent).toContain("You can't undo this.");
    await userEvent.click(screen.getByRole("button", { name: "Delete" }));
    expect(await decision).toBe(true);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it.each([ar, de, en, es, fr, ja])("says that a deletion is final only if it is, in $language", (wording) => {
    const cases = [
      [{ undoable: true }, ""],
      [{ undoable: false }, wording.irreversible],
      [{ undoable: false, otherDevice: true }, `${wording.irreversibleHere} ${wording.otherDevice}`],
      [{ ...create, undoable: false }, ""],
    ] as const;
    for (const [fields, said] of cases) {
      const pending = { call: call("a", fields), decide: () => undefined };
      const { container, unmount } = render(<ApprovalForm pending={pending} wording={wording} />);
      expect(container.querySelector("h2 + p")?.textContent).toBe(said);
      unmount();
    }
  });

  it("refuses the call", async () => {
    const decision = ask(call("a", { args: { id: "unknown" } }));
    expect(screen.getByRole("dialog", { name: "Delete a task?" })).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Keep" }));
    expect(await decision).toBe(false);
  });

  it("takes edited fields, with a control for each kind", async () => {
    const data = {
      title: "Walk",
      dueDate: "2026-03-09",
      isApproved: false,
      estimate: 2,
      description: "x",
      tags: ["a"],
    };
    const decision = ask(call("a", { ...create, args: { data } }));
    expect(screen.getByRole("dialog").querySelector("h2")?.textContent).toBe("Create “Walk”?");
    const due = screen.getByLabelText<HTMLInputElement>("Due date");
    expect([due.type, due.value]).toEqual(["date", "2026-03-09"]);
    fireEvent.change(due, { target: { value: "2026-03-10" } });
    await userEvent.click(screen.getByRole("checkbox", { name: "Approved" }));
    await userEvent.clear(screen.getByRole("textbox", { name: "Description" }));
    const estimate = screen.getByRole("textbox", { name: "estimate" });
    await userEvent.clear(estimate);
    await userEvent.type(estimate, "many");
    await userEvent.click(screen.getByRole("button", { name: "Create as edited" }));
    expect(screen.getByRole("alert").textContent).toBe("estimate is not valid.");
    await userEvent.clear(estimate);
    await userEvent.type(estimate, "3");
    await userEvent.click(screen.getByRole("button", { name: "Create as edited" }));
    const edited = { dueDate: "2026-03-10", isApproved: true, estimate: 3, description: null };
    expect(await decision).toEqual({ args: { data: { ...data, ...edited } } });
  });

  it("runs a call that the person did not change", async () => {
    const decision = ask(call("a", { ...create, verb: "update", args: { id: "t1", data: { title: null } } }));
    await userEvent.click(screen.getByRole("button", { name: "Update" }));
    expect(await decision).toBe(true);
  });

  it("counts down to its deadline", () => {
    vi.useFakeTimers({ now: 1_000_000 });
    void ask(call("a"), { ...never(), deadlineAt: 1_065_000 });
    expect(screen.getByRole("timer").textContent).toBe("1:05 left");
    act(() => void vi.advanceTimersByTime(6000));
    expect(screen.getByRole("timer").textContent).toBe("0:59 left");
    act(() => void vi.advanceTimersByTime(100_000));
    expect(screen.getByRole("timer").textContent).toBe("0:00 left");
    vi.useRealTimers();
  });

  it("a title cannot reverse the question", () => {
    void ask(call("a", { ...create, args: { data: { title: "a\u202Eb" } } }));
    expect(screen.getByRole("dialog").querySelector("h2")?.textContent).toBe("Create “ab”?");
  });

  it("says that another device asks, and closes when the question is answered there", async () => {
    const elsewhere = new AbortController();
    void ask(call("a", { otherDevice: true }), elsewhere);
    expect(screen.getByRole("dialog").textContent).toContain("Another device of yours asks this.");
    act(() => elsewhere.abort());
    expect(screen.queryByRole("dialog")).toBeNull();
  });
});

describe("an approval in its answer", () => {
  it("is shown at the end of the answer that asks, and the dialog can leave it out", async () => {
    const queue = new ApprovalQueue();
    const source = { snapshot: newSnapshot("r1"), subscribe: () => () => undefined };
    render(
      <BlockOptionsProvider itemName={() => "Renew the domain"}>
        <Answer request={source} approvals={queue} />
        <ApprovalDialog queue={queue} filter={({ call: { requestId } }) => requestId !== "r1"} />
      </BlockOptionsProvider>,
    );
    let decisions: Promise<unknown>[] = [];
    act(() => {
      decisions = [queue.ask(call("a"), never()), queue.ask(call("b", { requestId: "r2" }), never())];
    });
    expect(screen.getAllByRole("dialog")).toHaveLength(1);
    const [inline] = screen.getAllByRole("form").filter((form) => form.closest("dialog") === null);
    if (inline === undefined) throw new Error("There is no question in the answer.");
    expect(inline.querySelector("h2")?.textContent).toBe("Delete “Renew the domain”?");
    await userEvent.click(within(inline).getByRole("button", { name: "Keep" }));
    expect(await decisions[0]).toBe(false);
    expect(queue.snapshot.map(({ call: { callId } }) => callId)).toEqual(["b"]);
  });
});

describe("the undo toast", () => {
  const source = (failed: number, undoable = 2): UndoSource & { undone: number } => {
    const made = {
      snapshot: { ...newSnapshot("r1"), status: "completed" as const },
      subscribe: () => () => undefined,
      undoable,
      undone: 0,
      undo: async () => {
        made.undone += 1;
        made.undoable = failed;
        return { changes: [], failed: Array(failed).fill({ entity: "task" as const, id: "t", code: "conflict" }) };
      },
    };
    return made;
  };

  it.each([
    [0, "The changes were undone."],
    [1, "1 change could not be undone: its item has changed since."],
  ])("undoes the changes of an answer, %i of which stay", async (failed, said) => {
    const request = source(failed);
    render(<UndoToast request={request} />);
    expect(screen.getByRole("status").textContent).toBe("2 changes made");
    await userEvent.click(screen.getByRole("button", { name: "Undo" }));
    expect([screen.getByRole("status").textContent, request.undone]).toEqual([said, 1]);
    await userEvent.click(screen.getByRole("button", { name: "Dismiss" }));
    expect(screen.queryByRole("status")).toBeNull();
  });

  it("is not shown while the answer runs, nor without changes", () => {
    const running = { ...source(0), snapshot: newSnapshot("r1") };
    const { container, rerender } = render(<UndoToast request={running} />);
    rerender(<UndoToast request={source(0, 0)} />);
    rerender(<UndoToast request={null} />);
    expect(container.textContent).toBe("");
  });
});
