import type { Approval } from "@tessera/client";
import { act, render, screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeAll, describe, expect, it } from "vitest";
import { ApprovalDialog, ApprovalQueue } from "../src/index.js";

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
  function ask(approval: Approval, context = never()): Promise<unknown> {
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

  it("refuses the call", async () => {
    const decision = ask(call("a", { args: { id: "unknown" } }));
    expect(screen.getByRole("dialog", { name: "Delete a task?" })).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Keep" }));
    expect(await decision).toBe(false);
  });

  it("takes edited arguments that are a JSON object", async () => {
    const decision = ask(call("a", create));
    const field = screen.getByRole("textbox", { name: "Arguments" });
    await userEvent.clear(field);
    await userEvent.type(field, "[[]");
    await userEvent.click(screen.getByRole("button", { name: "Create as edited" }));
    expect(screen.getByRole("alert").textContent).toBe("The arguments must be a JSON object.");
    await userEvent.clear(field);
    await userEvent.type(field, '{{"data":{{"title":"Run"}}');
    await userEvent.click(screen.getByRole("button", { name: "Create as edited" }));
    expect(await decision).toEqual({ args: { data: { title: "Run" } } });
  });

  it("says that another device asks, and closes when the question is answered there", async () => {
    const elsewhere = new AbortController();
    void ask(call("a", { otherDevice: true }), elsewhere);
    expect(screen.getByRole("dialog").textContent).toContain("Another device of yours asks this.");
    act(() => elsewhere.abort());
    expect(screen.queryByRole("dialog")).toBeNull();
  });
});
