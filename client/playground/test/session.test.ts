import type { Approval } from "@tessera/client";
import { describe, expect, it } from "vitest";
import { Approvals } from "../src/session/approvals.js";
import { FrameLog } from "../src/session/frame-log.js";

describe("approvals", () => {
  const call = (callId: string) => ({ callId, tool: "delete_task", args: { id: "t" } }) as unknown as Approval;

  it("wait independently until each is decided", async () => {
    const approvals = new Approvals();
    const [first, second] = ["a", "b"].map((id) => approvals.ask(call(id), new AbortController().signal));
    approvals.snapshot[1]?.decide({ args: { id: "t", x: 1 } });
    expect(await second).toEqual({ args: { id: "t", x: 1 } });
    expect(approvals.snapshot.map(({ call }) => call.callId)).toEqual(["a"]);
    approvals.snapshot[0]?.decide(true);
    expect(await first).toBe(true);
    expect(approvals.snapshot).toEqual([]);
  });

  it("are removed when the server withdraws them", async () => {
    const approvals = new Approvals();
    const withdrawn = new AbortController();
    const decision = approvals.ask(call("a"), withdrawn.signal);
    withdrawn.abort();
    expect(await decision).toBe(false);
    expect(approvals.snapshot).toEqual([]);
    expect(await approvals.ask(call("b"), AbortSignal.abort())).toBe(false);
    expect(approvals.snapshot).toEqual([]);
  });
});

describe("the frame log", () => {
  const frame = (direction: "in" | "out", bytes: number) => ({ direction, bytes, at: 0, frame: { type: "ping" } });

  it("keeps the latest frames, counts all, and notifies its watchers once for many frames", () => {
    const tasks: (() => void)[] = [];
    const log = new FrameLog((task) => tasks.push(task));
    let told = 0;
    log.subscribe(() => {
      told += 1;
    });
    for (let number = 0; number < 700; number += 1) log.add(frame(number % 2 ? "out" : "in", 10));
    expect(tasks).toHaveLength(1);
    tasks.pop()?.();
    expect(told).toBe(1);
    expect(log.snapshot).toMatchObject({ count: 700, bytesIn: 3500, bytesOut: 3500 });
    expect(log.snapshot.frames.map(({ number }) => number)).toEqual(Array.from({ length: 500 }, (_, at) => at + 201));
    log.clear();
    log.add(frame("in", 1));
    tasks.pop()?.();
    expect(log.snapshot).toMatchObject({ count: 1, bytesIn: 1, bytesOut: 0 });
  });
});
