import { randomUUID } from "node:crypto";
import { type Answer, newSnapshot, type Store, type Tessera, TesseraError } from "@tessera/client";
import type { Exchange, Update } from "../bridge.js";
import { deltaOf, type PlainSnapshot, plain } from "../delta.js";

const KEY = "conversation";
const MOST_KEPT = 50;

interface Kept {
  readonly id: string;
  readonly exchanges: readonly { requestId: string; message: string; snapshot: PlainSnapshot | null }[];
}

interface Turn {
  readonly message: string;
  /** What the page was last told. */
  shown: PlainSnapshot;
  answer: Answer | undefined;
  waits: boolean;
}

/**
 * The conversation, kept in `store`. Answers that ran when the app was closed go on when it starts again. The page is told
 * what is new in an answer, at most once per turn of the event loop.
 */
export class Conversation {
  #id: string;
  readonly #turns = new Map<string, Turn>();

  constructor(
    private readonly tessera: Tessera,
    private readonly store: Store,
    private readonly tell: (update: Update) => void,
  ) {
    const kept = JSON.parse(store.getItem(KEY) ?? "null") as Kept | null;
    this.#id = kept?.id ?? randomUUID();
    for (const { requestId, message, snapshot } of kept?.exchanges ?? []) {
      const shown = snapshot ?? newSnapshot(requestId);
      this.#turns.set(requestId, { message, shown, answer: undefined, waits: false });
      if (snapshot === null) {
        this.#follow(requestId, this.tessera.request(requestId));
      }
    }
  }

  get exchanges(): readonly Exchange[] {
    return [...this.#turns.keys()].map((requestId) => this.#exchange(requestId));
  }

  /** Ask. The question is on the disk before it is sent. */
  ask(message: string): void {
    const requestId = randomUUID();
    this.#turns.set(requestId, { message, shown: newSnapshot(requestId), answer: undefined, waits: false });
    this.#save();
    const answer = this.tessera.home(message, { requestId, conversationId: this.#id });
    this.#follow(requestId, answer);
    this.tell({ type: "asked", exchange: this.#exchange(requestId) });
  }

  /** Begin a new conversation. Running answers are cancelled. */
  renew(): void {
    for (const { answer } of this.#turns.values()) {
      answer?.cancel();
    }
    this.#turns.clear();
    this.#id = randomUUID();
    this.#save();
  }

  cancel(requestId: string): void {
    this.#turns.get(requestId)?.answer?.cancel();
  }

  /** Returns the number of changes that could not be reverted. */
  async undo(requestId: string): Promise<number> {
    const undone = await this.#turns.get(requestId)?.answer?.undo();
    return undone?.failed.length ?? 0;
  }

  #exchange(requestId: string): Exchange {
    const turn = this.#turns.get(requestId);
    if (turn === undefined) {
      throw new RangeError(`there is no exchange ${requestId}`);
    }
    return { requestId, message: turn.message, snapshot: turn.shown, undoable: turn.answer?.undoable ?? 0 };
  }

  #follow(requestId: string, answer: Answer): void {
    const turn = this.#turns.get(requestId);
    if (turn === undefined) {
      return;
    }
    turn.answer = answer;
    const send = (): void => {
      turn.waits = false;
      if (this.#turns.get(requestId) === turn) {
        const now = plain(answer.snapshot);
        const delta = deltaOf(turn.shown, now);
        turn.shown = now;
        this.tell({ type: "answer", delta, undoable: answer.undoable });
      }
    };
    answer.subscribe(() => {
      if (!turn.waits) {
        turn.waits = true;
        setImmediate(send);
      }
    });
    const ended = (): void => this.#save();
    // An answer that quitting has cut runs on at the server: it stays in the list as running.
    answer.done.then(ended, (error: unknown) => {
      if (!(error instanceof TesseraError && error.code === "closed")) {
        ended();
      }
    });
  }

  #save(): void {
    const exchanges = [...this.#turns].slice(-MOST_KEPT).map(([requestId, { message, shown, answer }]) => {
      const now = answer === undefined ? shown : plain(answer.snapshot);
      return { requestId, message, snapshot: now.status === "running" ? null : now };
    });
    this.store.setItem(KEY, JSON.stringify({ id: this.#id, exchanges }));
  }
}
