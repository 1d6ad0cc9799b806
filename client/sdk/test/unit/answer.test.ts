import { describe, expect, test, vi } from "vitest";
import { type AnswerEvent, StreamedAnswer } from "../../src/answer.js";
import { TesseraError } from "../../src/errors.js";
import type { AnswerFrame } from "../../src/snapshot.js";

const request_id = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b01";
const at = { request_id, seq: 1 } as const;
const start: AnswerFrame = { ...at, type: "stream_start", agent: "task_agent" };
const open = (block: number, block_type: "text" | "chart" | "table"): AnswerFrame => ({
  ...at,
  type: "block_open",
  block,
  block_type,
});
const text = (block: number, chunk: string): AnswerFrame => ({ ...at, type: "stream_text", block, chunk });
const TABLE = { headers: ["a"], rows: [[1]] };
const table = (block: number): AnswerFrame => ({
  ...at,
  type: "stream_block",
  block,
  block_type: "table",
  data: TABLE,
});
const end = (status: "completed" | "cancelled" = "completed"): AnswerFrame => ({
  ...at,
  type: "stream_end",
  status,
  mutations: [],
});
const failure: AnswerFrame = {
  ...at,
  type: "stream_end",
  status: "failed",
  mutations: [{ op: "delete", entity: "task", id: "t1" }],
  error: { code: "model_timeout", message: "Too slow.", retryable: true },
};

function feed(made: StreamedAnswer, frames: readonly AnswerFrame[]): void {
  for (const frame of frames) {
    made.receive(frame);
  }
}

function answer(...frames: AnswerFrame[]): StreamedAnswer {
  const made = new StreamedAnswer(request_id, () => undefined);
  feed(made, frames);
  return made;
}

describe("the snapshot", () => {
  test("text grows, and closes when the next block opens", () => {
    const made = answer(start, open(0, "text"), text(0, "Good "), text(0, "day"));
    expect(made.snapshot).toMatchObject({ status: "running", agent: "task_agent", domain: null });
    expect(made.snapshot.blocks).toEqual([{ index: 0, type: "text", text: "Good day", open: true }]);
    made.receive(open(1, "table"));
    expect(made.snapshot.blocks).toEqual([
      { index: 0, type: "text", text: "Good day", open: false },
      { index: 1, type: "table", data: null, open: true },
    ]);
    made.receive(table(1));
    expect(made.snapshot.blocks[1]).toEqual({ index: 1, type: "table", data: TABLE, open: false });
  });

  test("the final snapshot is the same without block announcements", () => {
    const announced = answer(
      start,
      open(0, "text"),
      text(0, "Hi"),
      open(1, "table"),
      table(1),
      open(2, "text"),
      text(2, "!"),
      end(),
    );
    const silent = answer(start, text(0, "Hi"), table(1), text(2, "!"), end());
    expect(silent.snapshot).toEqual(announced.snapshot);
  });

  test("the skeleton of a skipped block is removed when a later block opens", () => {
    const made = answer(start, open(0, "chart"), open(1, "text"));
    expect(made.snapshot.blocks.map((block) => block.index)).toEqual([1]);
  });

  test("the skeleton is removed when unannounced text arrives", () => {
    expect(answer(start, open(0, "chart"), text(1, "x")).snapshot.blocks.map((block) => block.index)).toEqual([1]);
  });

  test("the skeleton is removed when the answer ends", () => {
    expect(answer(start, open(0, "chart"), end()).snapshot.blocks).toEqual([]);
  });

  test("a corrected block that arrives late is inserted at its index", () => {
    const made = answer(start, text(0, "a"), open(1, "table"), text(2, "b"), open(3, "chart"), table(1));
    expect(made.snapshot.blocks.map((block) => [block.index, block.type])).toEqual([
      [0, "text"],
      [1, "table"],
      [2, "text"],
      [3, "chart"],
    ]);
  });

  test("later text of an earlier block is appended to that block", () => {
    expect(answer(start, text(0, "a"), table(1), text(0, "b")).snapshot.blocks).toMatchObject([{ text: "ab" }, {}]);
  });

  test("is immutable: each frame creates a new one", () => {
    const made = answer(start, text(0, "a"));
    const before = made.snapshot;
    const copy = structuredClone({ ...before });
    made.receive(text(0, "b"));
    made.receive(table(1));
    made.receive(end());
    expect({ ...before }).toEqual(copy);
    expect(made.snapshot).not.toBe(before);
  });

  test("contains the fields of stream_end", () => {
    const made = answer(start, {
      ...at,
      type: "stream_end",
      status: "completed",
      mutations: [{ op: "create", entity: "note", id: "n1", data: { title: "x" } }],
      memory_used: [{ id: request_id, tier: "core", reason: "a preference" }],
      usage: { input_tokens: 3, output_tokens: 4 },
      finish: "length",
      shown: 2,
    });
    expect(made.snapshot).toMatchObject({
      status: "completed",
      finish: "length",
      shown: 2,
      mutations: [{ op: "create", entity: "note", id: "n1", data: { title: "x" } }],
      memoryUsed: [{ tier: "core" }],
      usage: { input_tokens: 3, output_tokens: 4 },
      error: null,
    });
  });

  test("frames after the end are ignored", () => {
    const made = answer(start, end());
    const { snapshot } = made;
    made.receive(text(0, "late"));
    made.receive(failure);
    made.fail(new TesseraError("disconnected", "late"));
    expect(made.snapshot).toBe(snapshot);
  });
});

describe("awaited", () => {
  test("it resolves to the complete answer", async () => {
    const made = answer(start, text(0, "Hi"), end());
    expect(await made.done).toBe(made.snapshot);
    await expect(made.done.finally()).resolves.toBe(made.snapshot);
  });

  test("a cancelled answer resolves", async () => {
    expect(await answer(start, text(0, "Hi"), end("cancelled")).done).toMatchObject({
      status: "cancelled",
      blocks: [{ text: "Hi", open: false }],
    });
  });

  test("a failed answer rejects, and the snapshot keeps the blocks that arrived", async () => {
    const made = answer(start, text(0, "Hi"), failure);
    const error = await made.done.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TesseraError);
    expect(error).toMatchObject({ code: "model_timeout", retryable: true, requestId: request_id });
    expect(made.snapshot).toMatchObject({
      status: "failed",
      error,
      blocks: [{ text: "Hi" }],
      mutations: [{ id: "t1" }],
    });
  });

  test("a failure that is not awaited causes no unhandled rejection", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    answer(failure);
    // Rejections are reported after the microtasks of a turn.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

test("tool calls are events once, also after a replay", async () => {
  const call = (state: "started" | "waiting_for_approval" | "finished" | "failed", call_id = "c1", code?: string) =>
    ({
      ...at,
      type: "tool_event",
      call_id,
      tool: call_id === "c1" ? "list_tasks" : "delete_task",
      state,
      ...(code && { code }),
    }) as AnswerFrame;
  const frames = [
    start,
    call("started"),
    call("waiting_for_approval", "c2"),
    call("finished"),
    call("failed", "c2", "denied"),
  ];
  const made = answer(...frames, ...frames, end());
  const seen: unknown[] = [];
  for await (const event of made) {
    if (event.type === "tool") seen.push([event.tool.verb, event.tool.entity, event.tool.state, event.tool.code]);
  }
  expect(seen).toEqual([
    ["list", "task", "started", null],
    ["delete", "task", "waiting_for_approval", null],
    ["list", "task", "finished", null],
    ["delete", "task", "failed", "denied"],
  ]);
  expect(made.snapshot.tools.map(({ callId, state }) => [callId, state])).toEqual([
    ["c1", "finished"],
    ["c2", "failed"],
  ]);
});

describe("looped over", () => {
  const frames = [start, open(0, "text"), text(0, "a"), text(0, "b"), table(1), end()];

  test("it yields the events in order, including earlier ones", async () => {
    const made = answer(...frames.slice(0, 3));
    const events: AnswerEvent[] = [];
    const loop = (async () => {
      for await (const event of made) {
        events.push(event);
      }
    })();
    feed(made, frames.slice(3));
    await loop;
    expect(events).toEqual([
      { type: "start", agent: "task_agent", domain: null },
      { type: "open", block: { index: 0, type: "text", text: "", open: true } },
      { type: "text", index: 0, chunk: "a" },
      { type: "text", index: 0, chunk: "b" },
      { type: "block", block: { index: 1, type: "table", data: TABLE, open: false } },
      { type: "end", answer: made.snapshot },
    ]);
  });

  test("each loop starts with the first event", async () => {
    const made = answer(...frames);
    const types = async (): Promise<string[]> => {
      const seen: string[] = [];
      for await (const event of made) {
        seen.push(event.type);
      }
      return seen;
    };
    expect(await types()).toEqual(await types());
  });

  test("a failure is thrown after the last event", async () => {
    const made = answer(start, text(0, "a"), failure);
    const seen: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const event of made) {
        seen.push(event.type);
      }
    };
    await expect(loop()).rejects.toMatchObject({ code: "model_timeout" });
    expect(seen).toEqual(["start", "text"]);
  });

  test("leaving early cancels exactly once", async () => {
    const cancel = vi.fn();
    const made = new StreamedAnswer(request_id, cancel);
    made.receive(start);
    for await (const event of made) {
      expect(event.type).toBe("start");
      break;
    }
    made.cancel();
    expect(cancel).toHaveBeenCalledOnce();
  });

  test("cancelling after the end sends nothing", async () => {
    const cancel = vi.fn();
    const made = new StreamedAnswer(request_id, cancel);
    feed(made, frames);
    for await (const _ of made) {
      break;
    }
    made.cancel();
    expect(cancel).not.toHaveBeenCalled();
  });
});

test("subscribers are called for every change until they unsubscribe", () => {
  const made = answer();
  const first = vi.fn();
  const second = vi.fn();
  const leave = made.subscribe(first);
  made.subscribe(second);
  made.receive(start);
  leave();
  made.receive(end());
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 2]);
});
