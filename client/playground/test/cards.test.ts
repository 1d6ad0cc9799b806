import { type AnswerSnapshot, newSnapshot, TesseraError } from "@tessera/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Asked, type CardAnswer, Cards, finished } from "../src/session/cards.js";

let stored: Map<string, string>;

const storage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => void stored.set(key, value),
};

beforeEach(() => {
  stored = new Map();
  vi.useFakeTimers();
});

afterEach(() => vi.useRealTimers());

/** An answer that the test controls. */
class Growing implements CardAnswer {
  readonly listeners = new Set<() => void>();
  readonly requestId: string;
  constructor(public snapshot: AnswerSnapshot) {
    this.requestId = snapshot.requestId;
  }
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  readonly undoable = 0;
  cancel(): void {}
  async undo() {
    return { changes: [], failed: [] };
  }
  show(text: string): void {
    this.snapshot = { ...this.snapshot, blocks: [{ index: 0, type: "text", text, open: true }] };
    for (const listener of this.listeners) listener();
  }
}

const card = (message: string, answer: CardAnswer): Asked => ({
  id: answer.requestId,
  conversation: "c1",
  message,
  on: undefined,
  answer,
});

describe("the cards", () => {
  it("are stored while their answers grow, a few times a second at most", () => {
    const answer = new Growing(newSnapshot("r1"));
    const cards = new Cards(storage, "cards");
    cards.follow([card("Hi", answer)]);
    answer.show("Good");
    expect(stored.size).toBe(0);
    vi.advanceTimersByTime(250);
    expect(cards.load()).toMatchObject([
      { message: "Hi", conversation: "c1", snapshot: { status: "running", blocks: [{ text: "Good" }] } },
    ]);
    answer.show("Good morning");
    cards.follow([card("Hi", answer), card("Later", finished(newSnapshot("r2")))]);
    vi.advanceTimersByTime(250);
    expect(new Cards(storage, "cards").load().map(({ message }) => message)).toEqual(["Hi", "Later"]);
    expect(new Cards(storage, "other").load()).toEqual([]);
    expect(answer.listeners.size).toBe(1);
  });

  it("are stored immediately when the page closes, with errors and items", () => {
    const error = new TesseraError("model_timeout", "The model was too slow.", { retryable: true });
    const snapshot: AnswerSnapshot = { ...newSnapshot("r1"), status: "failed", error };
    const on = { entity: "note", item: { id: "n1", title: "Paper" } } as const;
    const cards = new Cards(storage, "cards");
    cards.follow([{ ...card("Hi", finished(snapshot)), on }]);
    cards.save();
    const [loaded] = cards.load();
    expect(loaded).toMatchObject({ message: "Hi", on, snapshot: { status: "failed", requestId: "r1" } });
    expect(loaded?.snapshot.error).toBeInstanceOf(TesseraError);
    expect(loaded?.snapshot.error).toMatchObject({
      code: "model_timeout",
      message: "The model was too slow.",
      retryable: true,
    });
  });

  it("are limited, and a full or damaged storage does no harm", () => {
    const cards = new Cards(storage, "cards");
    cards.follow(Array.from({ length: 150 }, (_, at) => card(`q${at}`, finished(newSnapshot(`r${at}`)))));
    cards.save();
    expect(cards.load().map(({ message }) => message)).toEqual(Array.from({ length: 100 }, (_, at) => `q${at + 50}`));
    stored.set("cards", "{");
    expect(cards.load()).toEqual([]);
    const full = new Cards(
      {
        ...storage,
        setItem: () => {
          throw new Error("quota");
        },
      },
      "cards",
    );
    full.follow([card("Hi", finished(newSnapshot("r1")))]);
    full.save();
  });
});
