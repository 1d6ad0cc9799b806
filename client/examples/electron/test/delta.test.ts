import { type AnswerFrame, applyFrame, newSnapshot } from "@tessera/client";
import { expect, test } from "vitest";
import { deltaOf, type PlainSnapshot, plain, withDelta } from "../src/delta.js";

const request_id = "r1";
type Sent = AnswerFrame extends infer Frame
  ? Frame extends AnswerFrame
    ? Omit<Frame, "request_id" | "seq">
    : never
  : never;

/** The snapshots of an answer, one after each frame. */
function snapshots(...frames: readonly Sent[]): PlainSnapshot[] {
  let snapshot = newSnapshot(request_id);
  const all = frames.map((frame, index) => {
    snapshot = applyFrame(snapshot, { ...frame, request_id, seq: index + 1 } as AnswerFrame);
    return plain(snapshot);
  });
  return [plain(newSnapshot(request_id)), ...all];
}

const ANSWER = snapshots(
  { type: "stream_start", agent: "task_agent" },
  { type: "tool_event", call_id: "c1", tool: "list_tasks", state: "started" } as Sent,
  { type: "tool_event", call_id: "c1", tool: "list_tasks", state: "finished" } as Sent,
  { type: "block_open", block: 0, block_type: "text" },
  { type: "stream_text", block: 0, chunk: "Good " },
  { type: "stream_text", block: 0, chunk: "morning" },
  { type: "block_open", block: 1, block_type: "table" },
  { type: "stream_block", block: 1, block_type: "table", data: { headers: ["A"], rows: [["b"]] } } as Sent,
  { type: "block_open", block: 2, block_type: "chart" },
  { type: "stream_text", block: 0, chunk: "Hello", replace: true },
  { type: "stream_end", status: "completed", mutations: [], memory_used: [], finish: "stop" } as Sent,
);

test("the deltas of an answer give its snapshots, also over a structured clone", () => {
  let shown = ANSWER[0] as PlainSnapshot;
  for (const [index, after] of ANSWER.entries()) {
    const before = ANSWER[Math.max(0, index - 1)] as PlainSnapshot;
    shown = withDelta(shown, structuredClone(deltaOf(before, after)));
    expect(shown).toEqual(after);
  }
  expect(shown.status).toBe("completed");
});

test("steps may be left out: one delta covers several frames", () => {
  for (const before of ANSWER) {
    for (const after of ANSWER.slice(ANSWER.indexOf(before))) {
      expect(withDelta(before, structuredClone(deltaOf(before, after)))).toEqual(after);
    }
  }
});

test("a delta costs the new text, not the answer", () => {
  const [, , , , , before, after] = ANSWER as readonly [...PlainSnapshot[]];
  expect(deltaOf(before as PlainSnapshot, after as PlainSnapshot)).toEqual({
    requestId: request_id,
    appended: [{ index: 0, chunk: "morning" }],
    blocks: [],
    removed: [],
    fields: {},
  });
});

test("an error becomes plain data with the sentence for the person", () => {
  const [, failed] = snapshots({
    type: "stream_end",
    status: "failed",
    mutations: [],
    error: { code: "internal", message: "It failed.", text: "Es ist ein Fehler aufgetreten.", retryable: true },
  } as Sent);
  expect(structuredClone(failed?.error)).toEqual({
    code: "internal",
    message: "It failed.",
    text: "Es ist ein Fehler aufgetreten.",
    retryable: true,
  });
});
