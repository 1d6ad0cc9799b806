import { describe, expect, test } from "vitest";
import { type AnswerFrame, type AnswerSnapshot, applyFrame, newSnapshot } from "../../src/index.js";

const request_id = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b01";
let seq = 0;

function frame(fields: object): AnswerFrame {
  seq += 1;
  return { seq, request_id, ...fields } as AnswerFrame;
}

const TABLE = { headers: ["a"], rows: [[1]] };
const start = frame({ type: "stream_start", agent: "task_agent" });
const open = (block: number, block_type: string): AnswerFrame => frame({ type: "block_open", block, block_type });
const text = (block: number, chunk: string): AnswerFrame => frame({ type: "stream_text", block, chunk });
const whole = (block: number, chunk: string): AnswerFrame =>
  frame({ type: "stream_text", block, chunk, replace: true });
const table = (block: number): AnswerFrame => frame({ type: "stream_block", block, block_type: "table", data: TABLE });
const end = frame({
  type: "stream_end",
  status: "completed",
  mutations: [{ op: "create", entity: "task", id: "t1" }],
  usage: { input_tokens: 1, output_tokens: 2 },
});

function after(frames: readonly AnswerFrame[], from: AnswerSnapshot = newSnapshot(request_id)): AnswerSnapshot {
  return frames.reduce(applyFrame, from);
}

/** A recorded answer: text, a table, a chart that is corrected to text after the last block, more text. */
const LIVE = [
  start,
  open(0, "text"),
  text(0, "Good "),
  text(0, "morning"),
  open(1, "table"),
  table(1),
  open(2, "chart"),
  open(3, "text"),
  text(3, "Bye"),
  text(2, "No chart."),
  end,
];

/** What the server sends after a client that has processed the first `seen` frames. */
function replayAfter(seen: number): AnswerFrame[] {
  const rest = LIVE.slice(seen);
  const texts = new Map<number, string>();
  for (const each of LIVE) {
    if (each.type === "stream_text") {
      texts.set(each.block, (texts.get(each.block) ?? "") + each.chunk);
    }
  }
  const replayed = new Set<number>();
  return rest.flatMap((each): AnswerFrame[] => {
    if (each.type !== "stream_text") {
      return [each];
    }
    if (replayed.has(each.block)) {
      return [];
    }
    replayed.add(each.block);
    return [whole(each.block, texts.get(each.block) ?? "")];
  });
}

const UNCUT = after(LIVE);
const CUTS = LIVE.map((_, at) => at);

describe("the reducer", () => {
  test("builds the answer", () => {
    expect(UNCUT).toMatchObject({
      status: "completed",
      agent: "task_agent",
      blocks: [
        { index: 0, type: "text", text: "Good morning", open: false },
        { index: 1, type: "table", data: TABLE, open: false },
        { index: 2, type: "text", text: "No chart.", open: false },
        { index: 3, type: "text", text: "Bye", open: false },
      ],
      mutations: [{ id: "t1" }],
    });
  });

  test.each(CUTS)("after a cut behind frame %i, a replay gives the same answer", (cut) => {
    expect(after(replayAfter(cut), after(LIVE.slice(0, cut)))).toEqual(UNCUT);
  });

  test.each(CUTS)("after two cuts, the first behind frame %i, the replays give the same answer", (cut) => {
    for (const second of CUTS) {
      const once = after(replayAfter(cut).slice(0, second), after(LIVE.slice(0, cut)));
      expect(after(replayAfter(cut), once)).toEqual(UNCUT);
    }
  });

  test.each(CUTS)("the whole replay gives the same answer, whatever was shown: frame %i", (cut) => {
    expect(after(replayAfter(0), after(LIVE.slice(0, cut)))).toEqual(UNCUT);
  });

  test("applying a replay twice gives the same state", () => {
    for (const cut of CUTS) {
      const unfinished = replayAfter(cut).filter(({ type }) => type !== "stream_end");
      const once = after(unfinished, after(LIVE.slice(0, cut)));
      expect(after(unfinished, once)).toEqual(once);
    }
  });

  test("frames after the end change nothing", () => {
    expect(after([start, whole(0, "Again"), end], UNCUT)).toBe(UNCUT);
  });

  test("a kept answer gives the same answer", () => {
    const result = frame({
      type: "request_result",
      status: "completed",
      agent: "task_agent",
      blocks: [
        { block: 0, block_type: "text", content: "Good morning" },
        { block: 1, block_type: "table", data: TABLE },
        { block: 2, block_type: "text", content: "No chart." },
        { block: 3, block_type: "text", content: "Bye" },
      ],
      mutations: [{ op: "create", entity: "task", id: "t1" }],
      usage: { input_tokens: 1, output_tokens: 2 },
    });
    for (const cut of CUTS) {
      expect(after([result], after(LIVE.slice(0, cut)))).toEqual(UNCUT);
    }
  });

  test("a request that failed keeps its blocks and its changes", () => {
    const error = { code: "server_lost", message: "The server process is gone.", retryable: false };
    const result = frame({
      type: "request_result",
      status: "failed",
      blocks: [{ block: 0, block_type: "text", content: "Good" }],
      mutations: [{ op: "create", entity: "task", id: "t1" }],
      error,
    });
    expect(after([result])).toMatchObject({
      status: "failed",
      error,
      blocks: [{ text: "Good" }],
      mutations: [{ id: "t1" }],
    });
  });
});
