import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { WsToolResult } from "../../src/generated/protocol.js";
import { UnacknowledgedResults } from "../../src/unacknowledged.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function result(callId: string, fields: object = {}): WsToolResult {
  return { type: "tool_result", call_id: callId, ok: true, tool: "create_task", id: "t1", data: {}, ...fields };
}

function world(): { sent: string[]; results: UnacknowledgedResults } {
  const sent: string[] = [];
  const results = new UnacknowledgedResults(
    (again) => sent.push(again.call_id),
    () => 0.5,
  );
  results.connected();
  return { sent, results };
}

test("a result is sent again with growing delays until it is acknowledged", () => {
  const { sent, results } = world();
  results.sent(result("a"));
  vi.advanceTimersByTime(2_999);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(["a"]);
  vi.advanceTimersByTime(6_000);
  expect(sent).toEqual(["a", "a"]);
  vi.advanceTimersByTime(3_600_000);
  // The delays are at most 300 seconds, with this jitter 225.
  expect(sent.length).toBeGreaterThan(15);
  results.settled("a");
  const before = sent.length;
  vi.advanceTimersByTime(3_600_000);
  expect(sent.length).toBe(before);
  // The next result begins with the first delay again.
  results.sent(result("b"));
  vi.advanceTimersByTime(3_000);
  expect(sent.slice(before)).toEqual(["b"]);
});

test("nothing is sent without a connection, and a new connection begins with the first delay", () => {
  const { sent, results } = world();
  results.sent(result("a"));
  vi.advanceTimersByTime(60_000);
  sent.length = 0;
  results.disconnected();
  vi.advanceTimersByTime(3_600_000);
  expect(sent).toEqual([]);
  results.connected();
  vi.advanceTimersByTime(3_000);
  expect(sent).toEqual(["a"]);
});

test("results that tell of no change are not sent again, and at most fifty at the same time", () => {
  const { sent, results } = world();
  results.sent(result("x", { ok: false }));
  results.sent(result("y", { id: undefined }));
  vi.advanceTimersByTime(60_000);
  expect(sent).toEqual([]);
  for (let call = 0; call < 70; call += 1) {
    results.sent(result(`c${call}`));
  }
  vi.advanceTimersByTime(3_000);
  expect(sent.length).toBe(50);
});
