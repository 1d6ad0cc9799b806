import { describe, expect, it } from "vitest";
import { FrameLog } from "../src/session/frame-log.js";

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
